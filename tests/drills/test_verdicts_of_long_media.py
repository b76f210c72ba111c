"""Verdicts of the drills with long and heavy media, and what they are measured with: each broken counter is named."""

from __future__ import annotations

import os

import pytest

from tests.drills import long_media, scratch
from tests.drills.footprint import bytes_in, peak_bytes
from tests.drills.long_media import Kill, _asked, _parts_asked
from tests.drills.marked_media import Mark, heard_marks, make_film, make_talk, misplaced, shown_marks
from tests.drills.test_verdicts_of_letters import ONCE

MEDIA = ONCE | {"requests": 4, "outcomes": {"succeeded": 4}, "completions": 4, "completion_ids": 4, "bad_exit_codes": 0}
HEAVY = MEDIA | {
    "paid_calls": 8,
    "scratch_limit_bytes": 1000,
    "scratch_folder_peak_bytes": 400,
    "scratch_objects_peak_bytes": 900,
    "folder_and_objects_peak_bytes": 1000,
    "scratch_files_left": 0,
    "scratch_objects_left": 0,
    "waiting_at_most": 3,
    "segments": [2, 2, 2, 2],
    "answers_read": 4,
    "marks_misplaced": 0,
    "misplaced": [],
}
LONG = MEDIA | {
    "estimated_calls": 2,
    "attempts_left_open": 2,
    "segments_of_the_killed": 12,
    "recorded_at_the_kill": 6,
    "asked_again_undisturbed": 0,
    "recorded_asked_again": 0,
    "others_asked_again": 0,
    "in_flight_asked_thrice": 0,
    "never_asked": 0,
    "calls_about_the_unknown": 0,
    "sums_that_differ": 0,
    "marks_misplaced": 0,
    "misplaced": [],
    "undisturbed_tokens_told": 9000,
    "undisturbed_tokens_counted": 9000,
    "scratch_objects_left": 0,
    "scratch_files_left": 0,
    "sent": {"audio url": 12, "video inline": 12},
    "coverage": ["complete"],
    "worker_peak_mb": 120.0,
    "memory_limit_mb": 300,
    "segments": {"talk-whole": 6, "film-whole": 6},
}


@pytest.mark.parametrize(
    "broken",
    [
        {"scratch_folder_peak_bytes": 1001},
        {"scratch_folder_peak_bytes": 0},
        {"folder_and_objects_peak_bytes": 1001},
        {"scratch_files_left": 1},
        {"scratch_objects_left": 1},
        {"waiting_at_most": 0},
        {"segments": [2, 2, 2]},
        {"segments": [1, 2, 2, 2]},
        {"paid_calls": 9},
        {"answers_read": 3},
        {"marks_misplaced": 1},
    ],
)
def test_scratch_space_is_never_more_than_it_may_be_and_is_empty_at_the_end(broken):
    assert scratch.verdict(HEAVY) == []
    assert scratch.verdict(HEAVY | broken)


@pytest.mark.parametrize(
    "broken",
    [
        {"recorded_asked_again": 1},
        {"others_asked_again": 1},
        {"asked_again_undisturbed": 1},
        {"never_asked": 1},
        {"recorded_at_the_kill": 0},
        {"recorded_at_the_kill": 12},
        {"sums_that_differ": 1},
        {"marks_misplaced": 1},
        {"worker_peak_mb": 300.0},
        {"coverage": ["complete", "partial"]},
        {"segments": {"talk-whole": 1}},
        {"calls_told_and_never_received": 3},
        {"undisturbed_tokens_told": 8999},
        {"undisturbed_tokens_told": 0, "undisturbed_tokens_counted": 0},
        {"estimated_calls": 1},
        {"scratch_objects_left": 1},
        {"scratch_files_left": 1},
        {"sent": {"audio url": 12, "video url": 12}},
    ],
)
def test_a_kill_costs_no_more_than_the_segments_in_mid_call(broken):
    assert long_media.verdict(LONG) == []
    assert long_media.verdict(LONG | broken)


def call(name, number=None):
    texts = [f"Say {name}. ", "Answer."]
    return {"texts": texts if number is None else [*texts, f"The medium above is part {number} of 4 of a longer one"]}


def test_calls_are_counted_by_segment():
    reduction = {"texts": ["A film was analysed in segments, one after the other.", "Say b. "]}
    asked = _parts_asked([call("a", 1), call("a", 1), call("b", 2), reduction, call("c")])
    assert asked == {("a", 1): 2, ("b", 2): 1, ("b", 0): 1, ("c", -1): 1}


def test_who_was_asked_again_is_told_by_what_was_recorded():
    asked = _parts_asked([call("a", part) for part in (1, 1, 2, 2, 3, 4, 4)])
    parts = [("a", number) for number in range(1, 6)]
    kill = Kill(planned=frozenset(parts), recorded=frozenset(parts[:1]), in_flight=frozenset(parts[1:3]), objects=0)
    found = _asked(asked, kill, whole=())
    assert [found[f"{name}_asked_again"] for name in ("recorded", "in_flight", "others")] == [1, 1, 1]
    assert found["never_asked"] == 1


def item(start, text, end=None):
    return {"start_seconds": start, "end_seconds": start + 1 if end is None else end, "text": text}


@pytest.mark.parametrize(
    ("items", "holds"),
    [
        ([item(0, "00:00:00"), item(30.4, "00:00:30")], True),
        ([item(30, "00:00:30"), item(0, "00:00:00")], False),
        ([item(0, "00:00:00"), item(2, "00:00:30")], False),
        ([item(0, "00:00:00"), item(30, "00:00:30"), item(31, "00:00:30")], True),
        ([item(0, "00:00:00"), item(30, "00:00:30"), item(33, "00:00:30")], False),
        ([item(0, "00:00:00"), item(30, "00:00:30", end=70)], False),
        ([item(0, "00:00:00")], False),
    ],
)
def test_a_mark_is_told_at_its_second_and_nowhere_else(items, holds):
    marks = (Mark(words="00:00:00", seconds=0), Mark(words="00:00:30", seconds=30))
    assert (misplaced(marks, items, name="text", seconds=60) == []) is holds


def test_made_media_have_the_length_and_weight_that_was_wanted(tmp_path):
    film = make_film(tmp_path / "film.mp4", seconds=6, every=2, size_bytes=600_000)
    light = make_film(tmp_path / "light.mp4", seconds=6, every=2)
    talk = make_talk(tmp_path / "talk.mp3", seconds=6, every=2)
    assert 600_000 <= film.stat().st_size < 660_000
    assert 10 * light.stat().st_size < film.stat().st_size
    assert talk.stat().st_size > 10_000
    assert [mark.words for mark in shown_marks(6, every=2)] == ["00:00:00", "00:00:02", "00:00:04"]
    assert [mark.words for mark in heard_marks(6, every=2)] == [" 300 Hz", " 320 Hz", " 340 Hz"]


def test_a_folder_and_a_process_are_measured_from_outside(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "piece").write_bytes(bytes(10_000))
    (tmp_path / "inner" / "lock").touch()
    taken, count = bytes_in(tmp_path)
    assert (taken >= 10_000, count) == (True, 1)
    assert peak_bytes(os.getpid()) > 10_000_000
