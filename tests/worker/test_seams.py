"""What two segments tell of what lies across their border: nothing of it is lost, and nothing that is alike is twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.timeline import timeline_faults
from analysis_worker.long_media.seams import Telling, sewn
from analysis_worker.long_media.segments import segments_of

SEGMENTS = segments_of(duration_seconds=250.0, longest_seconds=100.0, key_frames=None)
SECOND = SEGMENTS[1]
BORDER, BEGIN, UNTIL = SECOND.border_seconds, SECOND.start_seconds, SECOND.start_seconds + SECOND.overlap_seconds


def item(start, end, text):
    return {"start_seconds": start, "end_seconds": end, "text": text}


def both(first, second):
    return sewn([Telling(segment=SEGMENTS[0], items=first), Telling(segment=SECOND, items=second)])


def test_a_scene_that_both_describe_alike_is_one_scene():
    assert both([item(50, UNTIL, "the sea")], [item(BEGIN, 120, "the sea")]) == [item(50, 120, "the sea")]


def test_a_sentence_that_both_cut_off_keeps_both_its_parts_and_they_meet_at_the_border():
    told = both([item(BEGIN - 3, UNTIL, "Once upon a")], [item(BEGIN, BEGIN + 6, "upon a time")])
    assert told == [item(BEGIN - 3, BORDER, "Once upon a"), item(BORDER, BEGIN + 6, "upon a time")]


def test_a_sentence_that_begins_in_the_overlap_is_taken_from_the_segment_that_has_it_whole():
    told = both([item(BEGIN + 0.5, UNTIL, "Good")], [item(BEGIN + 0.5, UNTIL + 4, "Good morning")])
    assert told == [item(BEGIN + 0.5, UNTIL + 4, "Good morning")]


def test_what_ended_before_the_overlap_did_stays_beside_what_goes_on():
    told = both([item(BEGIN, BEGIN + 0.8, "Yes.")], [item(BEGIN + 0.4, UNTIL + 4, "But look")])
    assert [one["text"] for one in told] == ["Yes.", "But look"]


def test_what_both_saw_whole_is_told_once():
    seen = item(BEGIN + 0.2, BEGIN + 1.8, "a bell")
    assert both([seen], [seen | {"end_seconds": BEGIN + 1.9}]) == [seen]


def test_two_voices_across_the_border_are_both_kept():
    told = both([], [item(BEGIN, 120, "first voice"), item(BEGIN + 0.5, 110, "second voice")])
    assert [one["text"] for one in told] == ["first voice", "second voice"]


@pytest.mark.parametrize("odd", ["words", {"text": "no time"}, {"start_seconds": None, "text": "null"}])
def test_an_item_without_a_start_is_kept_where_it_stands(odd):
    assert both([odd], [item(BORDER + 5, 120, "later"), odd]) == [odd, item(BORDER + 5, 120, "later"), odd]


TOLD = st.lists(
    st.tuples(st.floats(-3, 3), st.floats(0, 5), st.sampled_from("abc"), st.sampled_from([True] * 5 + [False])),
    max_size=4,
)


@given(TOLD, TOLD)
def test_whatever_two_segments_tell_of_their_border_the_items_are_in_order_and_none_ends_before_it_starts(one, two):
    def told(parts, segment):
        placed = [
            (min(max(BORDER + at, segment.start_seconds), segment.end_seconds), length, text, timed)
            for at, length, text, timed in parts
        ]
        return [
            item(at, min(at + length, segment.end_seconds), text) if timed else {"start_seconds": None, "text": text}
            for at, length, text, timed in sorted(placed)
        ]

    assert timeline_faults({"all": both(told(one, SEGMENTS[0]), told(two, SECOND))}, timelines=["/all"]) == ()


LENGTHS = st.lists(st.floats(0.5, 60), min_size=1, max_size=60)


@given(LENGTHS, st.booleans())
def test_of_scenes_without_gaps_none_is_lost_and_none_is_told_twice(lengths, alike):
    """Each segment tells the part of every scene that it shows; what is alike comes out as it was."""
    truth, at = [], 0.0
    for number, length in enumerate(lengths):
        truth.append(item(at, min(at + length, 250.0), f"scene {number}"))
        at += length
        if at >= 250.0:
            break
    tellings = [
        Telling(segment=segment, items=[part for scene in truth if (part := shown(scene, segment, alike=alike))])
        for segment in SEGMENTS
    ]
    told = sewn(tellings)
    starts = [one["start_seconds"] for one in told]
    assert starts == sorted(starts)
    if alike:
        assert [one["text"] for one in told] == list(dict.fromkeys(one["text"] for one in told))
    for scene in truth:
        spans = [one for one in told if one["text"].startswith(f"{scene['text']},")]
        covered = sum(one["end_seconds"] - one["start_seconds"] for one in spans)
        # What reaches beyond the overlap by less than models' times are off by is not told again.
        assert covered >= scene["end_seconds"] - scene["start_seconds"] - 0.51 * len(SEGMENTS)


def shown(scene, segment, *, alike):
    start, end = (
        max(scene["start_seconds"], segment.start_seconds),
        min(scene["end_seconds"], segment.end_seconds),
    )
    if start >= end:
        return None
    return item(start, end, f"{scene['text']}," if alike else f"{scene['text']}, in {segment.index}")
