"""A server's address in; an address in front of it, and every HTTP request that passed there, out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_REQUEST = re.compile(rb"(GET|PUT|HEAD|POST|DELETE) (/[^? \r\n]*)[^ \r\n]* HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """One request: its path without the query, and whether it was made on condition that nothing is there."""

    method: str
    path: str
    if_none_match: bool


class Tap:
    """Passes bytes on untouched, so that signatures over the Host header hold, and keeps what the clients sent."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._sent: list[bytearray] = []
        self.url = ""

    def requests(self, part: str) -> list[Passed]:
        """The requests so far with `part` in their path, by connection."""
        found = [one for sent in self._sent for one in _REQUEST.findall(bytes(sent))]
        return [
            Passed(method=method.decode(), path=path.decode(), if_none_match=b"if-none-match:" in headers.lower())
            for method, path, headers in found
            if part.encode() in path
        ]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        sent = bytearray()
        self._sent.append(sent)
        there_reader, there_writer = await asyncio.open_connection(*self._server)
        await asyncio.gather(_pass(reader, there_writer, keep=sent), _pass(there_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bytearray | None = None) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_READ_BYTES):
            if keep is not None:
                keep += data
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def open_tap(url: str) -> AsyncIterator[Tap]:
    """Stand in front of `http://host:port` at `tap.url`."""
    host, _, port = url.removeprefix("http://").partition(":")
    tap = Tap(host, int(port))
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    tap.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tap
    finally:
        server.close()
