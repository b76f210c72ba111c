"""Where a long medium is cut: everything is covered, nothing is too long, nothing is tiny."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.catalogue import load_catalogue
from analysis_worker.long_media.segments import Cut, longest_seconds, segments_of

SECONDS = st.floats(0.05, 20_000, allow_nan=False)
LONGEST = st.floats(1, 4000, allow_nan=False)
KEY_FRAMES = st.none() | st.lists(st.floats(0, 20_000), max_size=60).map(sorted)


def close(one, other):
    return abs(one - other) <= 2e-6


@given(SECONDS, LONGEST, KEY_FRAMES, st.booleans(), st.sampled_from([0.0, 2.0, 30.0]))
def test_segments_cover_all_of_it_within_the_limit_and_share_what_they_say(length, longest, keys, copies, overlap):
    found = segments_of(
        duration_seconds=length, longest_seconds=longest, key_frames=keys, copies=copies, overlap_seconds=overlap
    )
    assert (found[0].start_seconds, found[0].overlap_seconds) == (0, 0)
    assert close(found[-1].end_seconds, length)
    assert [segment.index for segment in found] == list(range(len(found)))
    for before, after in itertools.pairwise(found):
        assert close(before.end_seconds - after.start_seconds, after.overlap_seconds)
        assert before.start_seconds < after.start_seconds
        assert before.start_seconds < after.border_seconds <= before.end_seconds + 1e-6
    for segment in found:
        assert segment.length_seconds <= longest + 1e-5
        if len(found) > 1:
            assert segment.length_seconds >= longest * 0.2
        starts_anywhere = keys is None or segment.index == 0
        on_key = starts_anywhere or any(close(segment.start_seconds, key) for key in keys)
        assert on_key or segment.cut is Cut.ENCODE
        assert copies or segment.cut is Cut.ENCODE


@given(SECONDS, st.floats(20, 150))
def test_no_segment_is_shorter_than_the_card_takes(length, longest):
    found = segments_of(duration_seconds=length, longest_seconds=longest, shortest_seconds=2, key_frames=None)
    assert len(found) == 1 or all(segment.length_seconds >= 2 for segment in found)


def test_a_film_with_a_key_frame_every_second_is_copied_in_equal_pieces():
    found = segments_of(
        duration_seconds=3600, longest_seconds=240, key_frames=[float(second) for second in range(3600)]
    )
    assert len(found) == 16
    assert {segment.cut for segment in found} == {Cut.COPY}
    assert {segment.overlap_seconds for segment in found[1:]} == {2.0}
    assert max(s.length_seconds for s in found) - min(s.length_seconds for s in found) < 3


def test_where_no_key_frame_is_near_the_next_segment_is_encoded():
    found = segments_of(duration_seconds=300, longest_seconds=120, key_frames=[0.0, 99.0])
    assert [segment.cut for segment in found] == [Cut.COPY, Cut.COPY, Cut.ENCODE]
    assert found[1].start_seconds == 99.0


def test_a_medium_within_the_limit_is_left_whole():
    (only,) = segments_of(duration_seconds=120.0, longest_seconds=120.0, key_frames=None)
    assert (only.start_seconds, only.end_seconds) == (0.0, 120.0)


@pytest.mark.parametrize(("length", "longest", "shortest"), [(0, 10, 0), (10, 0, 0), (100, 10, 5)])
def test_what_cannot_be_cut_is_refused(length, longest, shortest):
    with pytest.raises(ValueError, match="pieces of"):
        segments_of(duration_seconds=length, longest_seconds=longest, shortest_seconds=shortest, key_frames=None)


@pytest.mark.parametrize(
    ("model", "level", "kind", "seconds"),
    [
        ("qwen3.5-omni-plus", "standard", "video", 240),
        ("qwen3.5-omni-plus", "fine", "audio", 60),
        ("qwen3-omni-flash", "standard", "video", 150),
        ("qwen-omni-turbo", "quick", "video", 40),
        ("qwen3.5-omni-plus", "quick", "image", None),
    ],
)
def test_the_longest_piece_is_the_cards_limit_or_the_levels_recommendation(model, level, kind, seconds):
    catalogue = load_catalogue()
    assert longest_seconds(kind, card=catalogue.card(model), detail=catalogue.details[level]) == seconds
