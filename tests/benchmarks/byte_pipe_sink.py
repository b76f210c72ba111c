"""Bodies of POST requests in, their SHA-256 and length out: the server that the byte pipe's benchmark sends to.

Prints its port, keeps connections alive, and ends when stdin does, which is when whoever started it has gone.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys

import orjson

_HOST = "127.0.0.1"
_READ_BYTES = 1024 * 1024


async def serve() -> None:
    """Answer until stdin ends."""
    server = await asyncio.start_server(_connection, _HOST, 0, limit=_READ_BYTES)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its only output, read by the parent
        await asyncio.to_thread(sys.stdin.read)


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            left_bytes = length = _content_length(await reader.readuntil(b"\r\n\r\n"))
            digest = hashlib.sha256()
            while left_bytes:
                chunk = await reader.read(min(left_bytes, _READ_BYTES))
                if not chunk:
                    return
                digest.update(chunk)
                left_bytes -= len(chunk)
            answer = orjson.dumps({"sha256": digest.hexdigest(), "size_bytes": length})
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


def _content_length(head: bytes) -> int:
    """A body without a known length is not what is measured here, so it is an error."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise ValueError(f"no Content-Length in {head[:200]!r}")


if __name__ == "__main__":
    asyncio.run(serve())
