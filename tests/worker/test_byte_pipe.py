import base64
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.errors import MediaChanged
from analysis_worker.provider.byte_pipe import MediaHole, RequestBody, encode, encoded_length


async def stream(chunks):
    for chunk in chunks:
        yield chunk


async def piped(chunks, size_bytes=None):
    size_bytes = sum(map(len, chunks)) if size_bytes is None else size_bytes
    return [piece async for piece in encode(stream(chunks), hole=MediaHole(index=0, size_bytes=size_bytes))]


@given(st.lists(st.binary(max_size=40), max_size=12))
async def test_the_pipe_equals_base64_of_the_whole_for_any_chunking(chunks):
    whole = base64.b64encode(b"".join(chunks))
    assert b"".join(await piped(chunks)) == whole
    assert encoded_length(sum(map(len, chunks))) == len(whole)


@pytest.mark.parametrize("size_bytes", [0, 1, 2, 3, 196_607, 196_608, 196_609, 1_000_000])
async def test_large_chunks_are_sent_in_slices(size_bytes):
    media = bytes(range(256)) * (size_bytes // 256 + 1)
    pieces = await piped([media[:size_bytes]])
    assert b"".join(pieces) == base64.b64encode(media[:size_bytes])
    assert max(map(len, pieces), default=0) <= encoded_length(192 * 1024)


@pytest.mark.parametrize(
    ("chunks", "declared", "said"),
    [
        ([b"abc", b"d"], 3, "more than the 3 bytes"),
        ([b"abc", b"d"], 5, "only 4 of the 5 bytes"),
        ([], 1, "only 0 of the 1 bytes"),
        ([b"x"], 0, "more than the 0 bytes"),
    ],
)
async def test_more_or_fewer_bytes_than_planned_is_a_change_of_the_media(chunks, declared, said):
    with pytest.raises(MediaChanged, match=said):
        await piped(chunks, size_bytes=declared)


@given(chunks=st.lists(st.binary(min_size=1, max_size=20), max_size=8), declared=st.integers(0, 60))
async def test_no_more_is_sent_than_was_declared(chunks, declared):
    sent = bytearray()
    try:
        async for piece in encode(stream(chunks), hole=MediaHole(index=0, size_bytes=declared)):
            sent += piece
    except MediaChanged:
        assert sum(map(len, chunks)) != declared
    assert len(sent) <= encoded_length(declared)


async def test_segments_and_media_come_in_order_and_one_medium_is_open_at_a_time():
    holes = [MediaHole(index=n, part=n, size_bytes=4) for n in range(3)]
    body = RequestBody(segments=(b"[", holes[0], b"|", holes[1], b"|", holes[2], b"]"))
    log = []

    async def open_media(hole):
        log.append(("open", hole.index))
        yield b"ab"
        yield b"c%d" % hole.index
        log.append(("end", hole.index))

    wire = b"".join([chunk async for chunk in body.chunks(open_media)])
    expected = b"|".join(base64.b64encode(b"abc%d" % n) for n in range(3))
    assert wire == b"[" + expected + b"]"
    assert body.content_length == len(wire)
    assert body.holes == tuple(holes)
    assert log == [(what, n) for n in range(3) for what in ("open", "end")]


async def test_a_body_can_be_sent_again():
    body = RequestBody(segments=(b"<", MediaHole(index=0, size_bytes=3), b">"))
    first = [chunk async for chunk in body.chunks(lambda _: stream([b"abc"]))]
    assert [chunk async for chunk in body.chunks(lambda _: stream([b"a", b"bc"]))] == first


async def test_memory_does_not_follow_the_media():
    chunk = bytes(64 * 1024)
    count = 640
    tracemalloc.start()
    try:
        hole = MediaHole(index=0, size_bytes=len(chunk) * count)
        total = 0
        async for piece in encode(stream(chunk for _ in range(count)), hole=hole):
            total += len(piece)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == encoded_length(len(chunk) * count)
    assert peak_bytes < 2 * 1024 * 1024
