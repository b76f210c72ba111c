"""A server's address in; an address in front of it whose replies are held back or lost on demand, out."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_READ_BYTES = 64 * 1024
_METHODS = (b"GET", b"HEAD", b"PUT", b"POST", b"DELETE")


class Gate:
    """Requests always pass, so that the server does what it is asked; the replies pass, wait, or are lost."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._open = asyncio.Event()
        self._open.set()
        self._losing = False
        self._hold_from: bytes | None = None
        self.held = 0
        self.asked: list[str] = []
        """The methods of the requests so far."""
        self.url = ""

    def hold_replies(self) -> None:
        """From now on replies wait; `held` counts them."""
        self._open.clear()

    def hold_from(self, part: str) -> None:
        """From the first request on whose line has this part in it, replies wait."""
        self._hold_from = part.encode()

    def lose_replies(self) -> None:
        """From now on the connection ends in the place of the reply."""
        self._losing = True

    def pass_replies(self) -> None:
        """Let go of what is held, and hold nothing more."""
        self._losing = False
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        there_reader, there_writer = await asyncio.open_connection(*self._server)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._ask(reader, there_writer), self._reply(there_reader, writer))

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_READ_BYTES):
            method = data.partition(b" ")[0]
            if method in _METHODS:
                self.asked.append(method.decode())
                if self._hold_from is not None and self._hold_from in data.partition(b"\r\n")[0]:
                    self._hold_from = None
                    self.hold_replies()
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_READ_BYTES):
            self.held += not self._open.is_set()
            await self._open.wait()
            if self._losing:
                break
            writer.write(data)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def open_gate(url: str) -> AsyncIterator[Gate]:
    """Stand in front of `http://host:port` at `gate.url`."""
    host, _, port = url.removeprefix("http://").partition(":")
    gate = Gate(host, int(port))
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    gate.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gate
    finally:
        gate.pass_replies()
        server.close()
