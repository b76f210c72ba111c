"""The recording proxy: whole messages, on both sides of which it can be stopped, and addresses that lead back to it."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest

from tests.drills.tcp_proxy import open_front
from tests.drills.wire_messages import read_frame, read_http, with_addresses


async def stream_of(*pieces):
    reader = asyncio.StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize(
    "body",
    [
        b"PUT /results/ledger/t/c/claim-1.json?X-Amz=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"PUT /results/ledger/t/c/claim-1.json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"PUT /results/ledger/t/c/claim-1.json HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_request_ends_where_its_body_does(body):
    reader = await stream_of(body, b"GET /next HTTP/1.1\r\n\r\n")
    found = await read_http(reader, request=True)
    assert (found.name, found.data) == ("PUT /results/ledger/t/c/claim-1.json", body)
    assert (await read_http(reader, request=True)).name == "GET /next"


async def test_a_reply_to_head_has_no_body():
    head = await read_http(await stream_of(b"HEAD /media/x HTTP/1.1\r\n\r\n"), request=True)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
    assert (await read_http(await stream_of(reply), request=False, of=head)).data == reply


async def test_a_kafka_frame_is_named_and_paired():
    body = struct.pack(">hhi", 8, 2, 77) + b"rest"
    frame = struct.pack(">i", len(body)) + body
    found = await read_frame(await stream_of(frame, b"\0"), request=True)
    assert (found.name, found.tag, found.data) == ("OffsetCommit", 77, frame)


def test_brokers_are_announced_behind_the_proxy():
    reply = b"\x00\x09127.0.0.1" + struct.pack(">i", 9092) + b"\x00"
    moved = with_addresses(reply, {("127.0.0.1", 9092): 4000})
    assert moved == b"\x00\x09127.0.0.1" + struct.pack(">i", 4000) + b"\x00"


@contextlib.asynccontextmanager
async def a_store(asked):
    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                asked.append((await read_http(reader, request=True)).name)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def ask(url):
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"GET /media/x HTTP/1.1\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("stopped", "reached"), [("before", []), ("after", ["GET /media/x"])], ids=["before it is forwarded", "its reply"]
)
async def test_a_gate_stops_a_message_on_either_side(stopped, reached):
    asked = []

    async def gate(passing):
        return passing.phase != stopped

    async with a_store(asked) as url, open_front({"S3_ENDPOINT": url}, servers=("s3",), gate=gate) as front:
        with contextlib.suppress(ConnectionResetError):
            assert await ask(front.options["S3_ENDPOINT"]) == b""
        assert asked == reached


async def test_a_server_that_was_taken_away_comes_back():
    asked = []
    async with a_store(asked) as url, open_front({"S3_ENDPOINT": url}, servers=("s3",)) as front:
        [proxy] = front.of("s3")
        proxy.take_away()
        with contextlib.suppress(ConnectionResetError):
            assert await ask(front.options["S3_ENDPOINT"]) == b""
        assert asked == []
        proxy.bring_back()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /media/y HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
