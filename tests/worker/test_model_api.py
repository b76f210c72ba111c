"""What a server of chat completions may do on a real socket, and what the call makes of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from analysis_worker.provider.byte_pipe import RequestBody
from analysis_worker.provider.model_api import ModelApi, OpenCall
from analysis_worker.settings import ModelSettings
from analysis_worker.transport import build_client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
WORD = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ALIVE = b": keep-alive\n\n"


@asynccontextmanager
async def server_that(says):
    """An address at which every connection hears `says(write)`, a coroutine."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")

        async def write(data):
            writer.write(data)
            await writer.drain()

        try:
            await write(HEAD)
            await says(write)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


async def call(address, **seconds):
    settings = ModelSettings(base_url=address, name="m", **seconds)
    async with build_client(connections=1, connect_seconds=5, read_seconds=5) as client:
        api = ModelApi(settings=settings, client=client, clock=time.monotonic, now=lambda: datetime.now(UTC))
        return await api.call(RequestBody(segments=(b"{}",)), open_media=lambda _: None, running=OpenCall())


async def kept_alive(write):
    await write(WORD)
    while True:
        await write(ALIVE)
        await asyncio.sleep(0.02)


async def test_comments_that_keep_the_connection_alive_are_no_answer():
    async with server_that(kept_alive) as address:
        ended = await call(address, chunk_seconds=0.3, total_seconds=4)
    assert ended.fault.code == "stream_stalled"
    assert ended.answer.text == "a"


async def test_comments_before_and_between_are_survived():
    async def says(write):
        for piece in (ALIVE, WORD, ALIVE, WORD, END):
            await write(piece)

    async with server_that(says) as address:
        ended = await call(address, chunk_seconds=1, total_seconds=4)
    assert (ended.fault, ended.answer.text) == (None, "aa")
