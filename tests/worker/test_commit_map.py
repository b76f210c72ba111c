"""The map beyond a commit: decode of encode is identity, and it always fits into the broker's metadata."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.commit_map import (
    MAX_CHARACTERS,
    CommitMap,
    UnknownCommitMap,
    decode_commit_map,
    encode_commit_map,
)


@st.composite
def commit_maps(draw, *, largest=60, furthest=2**40):
    base = draw(st.integers(min_value=0, max_value=2**62))
    steps = draw(st.lists(st.integers(min_value=1, max_value=furthest), max_size=largest))
    opened, offset = [], base - 1
    for step in steps:
        offset += step
        opened.append(offset)
    return CommitMap(base=base, end=offset + 1 + draw(st.integers(min_value=0, max_value=furthest)), open=tuple(opened))


@given(commit_maps())
def test_decode_of_encode_is_identity(commit_map):
    text = encode_commit_map(commit_map)
    if commit_map.finished_count:
        assert decode_commit_map(text, base=commit_map.base) == commit_map
    else:
        assert text == ""


@given(commit_maps(largest=1500))
def test_a_map_that_does_not_fit_is_cut_and_never_claims_more_than_is_finished(commit_map):
    text = encode_commit_map(commit_map)
    assert len(text) <= MAX_CHARACTERS
    read = decode_commit_map(text, base=commit_map.base)
    assert read.end <= commit_map.end
    assert read.open == tuple(offset for offset in commit_map.open if offset < read.end)


def test_a_held_request_and_any_number_of_finished_ones_take_a_few_bytes():
    commit_map = CommitMap(base=5, end=10_000_005, open=(5,))
    assert len(encode_commit_map(commit_map)) < 16
    assert commit_map.finished(6)
    assert not commit_map.finished(5)
    assert not commit_map.finished(10_000_005)


def test_the_map_of_another_offset_says_nothing():
    text = encode_commit_map(CommitMap(base=5, end=9, open=(5,)))
    assert decode_commit_map(text, base=7) == CommitMap(base=7, end=7)
    assert decode_commit_map("", base=7).finished_count == 0


@pytest.mark.parametrize(
    "text",
    [
        "§§",
        "somebody else's metadata",
        base64.urlsafe_b64encode(b"\x02\x05\x04\x00").decode(),
        base64.urlsafe_b64encode(b"\x01\x05").decode(),
        base64.urlsafe_b64encode(b"\x01\x05\x84").decode(),
        base64.urlsafe_b64encode(b"\x01\x05\x04\x09").decode(),
    ],
)
def test_what_this_release_cannot_read_is_named_and_not_guessed_at(text):
    with pytest.raises(UnknownCommitMap):
        decode_commit_map(text, base=5)


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise(text):
    with contextlib.suppress(UnknownCommitMap):
        decode_commit_map(text, base=5)
