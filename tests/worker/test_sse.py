from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.errors import ProviderUnavailable
from analysis_worker.provider.sse import SseDecoder


def decode(chunks, **bounds):
    decoder = SseDecoder(**bounds)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.finish()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_event_ends_with_a_blank_line_of_any_kind(line_end):
    wire = line_end.join([b"data: one", b"", b"data: two", b"", b""])
    assert SseDecoder().feed(wire + b"x") == ["one", "two"]


def test_the_lines_of_one_event_are_joined_and_one_leading_space_is_dropped():
    assert decode([b"data:a\ndata:  b\ndata\n\n"]) == ["a\n b\n"]


def test_comments_other_fields_and_the_byte_order_mark_leave_no_trace():
    wire = b"\xef\xbb\xbf: keep-alive\n\nevent: chunk\nid: 7\nretry: 10\ndata: x\n\n:\n\ndatum: y\n\n"
    assert decode([wire]) == ["x"]


def test_an_event_that_the_end_leaves_open_is_given_out():
    assert decode([b"data: whole\n\ndata: [DONE]"]) == ["whole", "[DONE]"]


def test_half_a_character_at_a_chunk_border_is_one_character():
    wire = 'data: {"content":"你好 🎬"}\n\n'.encode()
    assert decode([wire[i : i + 1] for i in range(len(wire))]) == ['{"content":"你好 🎬"}']


def test_line_separators_of_unicode_end_no_line():
    assert decode(["data: a\u2028b\x85c\x0bd\n\n".encode()]) == ["a\u2028b\x85c\x0bd"]


def test_a_line_or_an_event_beyond_its_bound_is_refused():
    with pytest.raises(ProviderUnavailable, match="line of more than 10 bytes"):
        decode([b"data: 1", b"234567"], max_line_bytes=10)
    with pytest.raises(ProviderUnavailable, match="event of more than 20 bytes"):
        decode([b"data: 12345678\n" * 3], max_event_bytes=20)


def test_the_events_before_an_endless_line_are_given_out_first():
    wire = b"data: one\n\ndata: 0123456789abcdef"
    for chunks in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        decoder, events = SseDecoder(max_line_bytes=16), []
        with suppress(ProviderUnavailable):
            for chunk in chunks:
                events += decoder.feed(chunk)
        assert events == ["one"]
        with pytest.raises(ProviderUnavailable):
            decoder.finish()


LINES = st.one_of(
    st.text(max_size=12).map(lambda text: b"data: " + text.encode("utf-8", "replace")),
    st.sampled_from([b"", b"", b": comment", b"data", b"event: x", b"\xef\xbb\xbfdata: bom", b"data:\xff\xfe"]),
)


@given(
    lines=st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12),
    cuts=st.lists(st.integers(min_value=0, max_value=400), max_size=12),
)
def test_events_do_not_depend_on_chunk_boundaries(lines, cuts):
    wire = b"".join(line + end for line, end in lines)
    borders = sorted({min(cut, len(wire)) for cut in cuts} | {0, len(wire)})
    chunks = [wire[start:end] for start, end in pairwise(borders)]
    whole = decode([wire])
    assert decode(chunks) == whole
    assert decode([wire[i : i + 1] for i in range(len(wire))]) == whole
