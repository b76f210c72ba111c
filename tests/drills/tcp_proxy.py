"""Servers in; addresses in front of them that record what passes, cut it, hold it, or stop at a chosen message, out.

A *gate* is asked about every request before it is forwarded and about every reply once the whole of it has arrived and
before any of it is delivered; what it refuses goes nowhere and its connection ends. Without a gate bytes just pass.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.drills.wire_messages import ADDRESSING, MAX_HEAD_BYTES, Message, read_frame, read_http, with_addresses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

Kind = Literal["kafka", "http", "bytes"]
Phase = Literal["before", "after"]
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Passing:
    """A request about to be forwarded (`before`, no reply yet), or its reply about to be delivered (`after`)."""

    server: str
    phase: Phase
    request: Message
    reply: bytes = b""


class Proxy:
    """One server's stand-in; `port` is where it listens."""

    def __init__(
        self,
        *,
        server: str,
        kind: Kind,
        upstream: tuple[str, int],
        gate: Callable[[Passing], Awaitable[bool]] | None,
        moved: dict[tuple[str, int], int],
    ) -> None:
        self.server, self.kind, self.upstream = server, kind, upstream
        self._gate = gate
        self._moved = moved
        self._connections: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._broken = False
        self.port = 0

    async def open(self) -> None:
        """Listen on a free port."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every connection and the port."""
        if self._listener:
            self._listener.close()
        self.take_away()  # what was accepted and has not begun ends at once, too
        await asyncio.sleep(0)
        await asyncio.gather(*self._connections, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for connection in list(self._connections):
            connection.cancel()

    def take_away(self) -> None:
        """As if the server were gone: connections end, new ones end at once."""
        self._broken = True
        self.cut()

    def bring_back(self) -> None:
        """The server is there again."""
        self._broken = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            if not self._broken:
                await self._join(reader, writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opening = asyncio.ensure_future(asyncio.open_connection(*self.upstream, limit=MAX_HEAD_BYTES))
        try:
            there_reader, there_writer = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_hang_up)  # it may be open already, and nobody would close it
            raise
        match self.kind:
            case "kafka":
                ways = self._frames(reader, there_writer, there_reader, writer)
            case "http":
                ways = [self._exchanges(reader, there_writer, there_reader, writer)]
            case "bytes":
                ways = [_pass(reader, there_writer), _pass(there_reader, writer)]
        try:
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there_writer.transport.abort()  # first: a second cancellation may end the wait
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _exchanges(
        self,
        reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """HTTP: one request, one reply."""
        while True:
            request = await read_http(reader, request=True)
            if not await self._passes("before", request):
                return
            there.write(request.data)
            reply = await read_http(there_reader, request=False, of=request)
            if not await self._passes("after", request, reply.data):
                return
            writer.write(reply.data)
            await writer.drain()

    def _frames(
        self,
        reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> list[Awaitable[None]]:
        """Kafka: requests may be pipelined, replies name theirs."""
        asked: dict[int, Message] = {}

        async def ask() -> None:
            while True:
                request = await read_frame(reader, request=True)
                asked[request.tag] = request
                if not await self._passes("before", request):
                    return
                there.write(request.data)
                await there.drain()

        async def answer() -> None:
            while True:
                reply = await read_frame(there_reader, request=False)
                request = asked.pop(reply.tag)
                data = with_addresses(reply.data, self._moved) if request.name in ADDRESSING else reply.data
                if not await self._passes("after", request, data):
                    return
                writer.write(data)
                await writer.drain()

        return [ask(), answer()]

    async def _passes(self, phase: Phase, request: Message, reply: bytes = b"") -> bool:
        if self._gate is None:
            return True
        return await self._gate(Passing(server=self.server, phase=phase, request=request, reply=reply))


def _hang_up(opening: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[1].transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_READ_BYTES):
        writer.write(data)
        await writer.drain()


class Front:
    """Stand-ins for all servers of a stack that a worker talks to, and the settings that lead there."""

    def __init__(self, proxies: Sequence[Proxy], options: dict[str, str]) -> None:
        self.proxies = tuple(proxies)
        self.options = options

    def of(self, server: str) -> list[Proxy]:
        """The stand-ins of `kafka`, `s3` or `model`."""
        return [proxy for proxy in self.proxies if proxy.server == server]


@contextlib.asynccontextmanager
async def open_front(
    environment: dict[str, str],
    *,
    servers: Sequence[str] = ("kafka", "s3", "model"),
    gate: Callable[[Passing], Awaitable[bool]] | None = None,
    whole_messages: bool = True,
) -> AsyncIterator[Front]:
    """Stand in front of these servers; `whole_messages=False`: bytes pass as they come and no gate is asked (HTTP only)."""
    proxies: list[Proxy] = []
    moved: dict[tuple[str, int], int] = {}
    options: dict[str, str] = {}
    async with contextlib.AsyncExitStack() as stack:

        async def stand(server: str, kind: Kind, host: str, port: int) -> Proxy:
            proxy = Proxy(server=server, kind=kind, upstream=(host, port), gate=gate, moved=moved)
            await proxy.open()
            stack.push_async_callback(proxy.close)
            proxies.append(proxy)
            return proxy

        web: Kind = "http" if whole_messages else "bytes"
        if "kafka" in servers:
            for one in environment["KAFKA_BOOTSTRAP_SERVERS"].split(","):
                host, _, port = one.partition(":")
                moved[host, int(port)] = (await stand("kafka", "kafka", host, int(port))).port
            options["KAFKA_BOOTSTRAP_SERVERS"] = ",".join(f"{host}:{port}" for (host, _), port in moved.items())
        for server, variable in (("s3", "S3_ENDPOINT"), ("model", "MODEL_BASE_URL")):
            if server in servers:
                host, _, rest = environment[variable].removeprefix("http://").partition(":")
                port, slash, path = rest.partition("/")
                proxy = await stand(server, web, host, int(port))
                options[variable] = f"http://{host}:{proxy.port}{slash}{path}"
        yield Front(proxies, options)
