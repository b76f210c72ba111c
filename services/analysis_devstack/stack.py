"""A folder in; a running broker, object store, model simulator and trace sink, and the environment to use them, out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from analysis_devstack import readiness
from analysis_devstack.children import Child
from analysis_devstack.errors import ServerFailed, ServerUnknown
from analysis_devstack.plan import MODEL_PATH, Server, WantedPorts, choose, environment_of, servers_of
from analysis_devstack.ports import PortLease
from analysis_devstack.servers import store_sockets, sweep_store_sockets
from analysis_devstack.topics import TopicSpec, contract_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

# Each server is up in about a second on an idle machine; a loaded CI machine is granted much more.
READY_SECONDS = 30.0
_WATCH_SECONDS = 0.5


class Stack:
    """The running servers. `stop`, `kill`, `start` and `restart` take a server's name: broker, store, simulator, trace_sink.

    A restarted server has its port again. The store also has its objects; the broker starts empty (it keeps its
    records in memory) and gets its topics anew; the simulator plays the scenario it was started with and forgets its calls.
    """

    def __init__(
        self,
        *,
        directory: Path,
        servers: Mapping[str, Server],
        environment: Mapping[str, str],
        ready_seconds: float = READY_SECONDS,
    ) -> None:
        self.directory = directory
        self._ready_seconds = ready_seconds
        self.environment = dict(environment)
        self._servers = dict(servers)
        self._children: dict[str, Child] = {}

    @property
    def spans_file(self) -> Path:
        """What the trace sink received, one JSON object a line; lines that do not start with a brace are chatter."""
        return self.directory / "spans.ndjson"

    @property
    def simulator_url(self) -> str:
        """The simulator's root: its control lies under /simulator, the provider's wire under /compatible-mode/v1."""
        return self.environment["MODEL_BASE_URL"].removesuffix(MODEL_PATH)

    @property
    def names(self) -> tuple[str, ...]:
        """The servers of this stack."""
        return tuple(self._servers)

    def pid(self, name: str) -> int:
        """The process id of a server that was started."""
        return self._child(name).pid

    def exit_code(self, name: str) -> int | None:
        """None while the server runs."""
        return self._child(name).exit_code

    async def start(self, name: str) -> None:
        """Start a server that is not running and wait until it answers. Raises ServerFailed."""
        self._spawn(name)
        await self._ready(name)

    async def stop(self, name: str) -> None:
        """End a server in its own way, and by force when that takes long."""
        await asyncio.to_thread(self._child(name).stop)

    async def kill(self, name: str) -> None:
        """End a server as a crash would: SIGKILL."""
        self._child(name).kill()

    async def restart(self, name: str) -> None:
        """Kill a server and start it again on its port. Raises ServerFailed."""
        await self.kill(name)
        await self.start(name)

    async def start_all(self) -> None:
        """Start every server at once and wait until all are ready. Raises ServerFailed."""
        for name in self._servers:
            self._spawn(name)
        waiting = [asyncio.ensure_future(self._ready(name)) for name in self._servers]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    def close(self) -> None:
        """End every server: all are told first, so that their graces run at the same time."""
        children = list(self._children.values())
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()
        self._children.clear()

    async def wait_for_death(self) -> str:
        """Return the name of a server once one has ended without having been told to."""
        while True:
            for name, child in self._children.items():
                if child.died:
                    return name
            await asyncio.sleep(_WATCH_SECONDS)

    def log_tail(self, name: str) -> str:
        """The last lines of a server's log."""
        return self._child(name).log_tail()

    def _child(self, name: str) -> Child:
        if name not in self._children:
            raise ServerUnknown(f"no server {name!r} was started here: there are {', '.join(self._servers)}")
        return self._children[name]

    def _spawn(self, name: str) -> None:
        if name in self._children:
            self._children[name].kill()
        self._children[name] = Child(self._servers[name].command)

    async def _ready(self, name: str) -> None:
        server, child, begun = self._servers[name], self._child(name), time.monotonic()
        try:
            await readiness.wait_until(server.probe, seconds=self._ready_seconds, alive=lambda: child.exit_code is None)
        except readiness.NotReady as error:
            code = child.exit_code
            waited = f"not ready after {time.monotonic() - begun:.0f} s"
            state = waited if code is None else f"ended with {code}"
            raise ServerFailed(
                f"{name} {state}: {error}; {server.remedy}; its log: {child.command.log}", log_tail=child.log_tail()
            ) from error


@contextlib.asynccontextmanager
async def start_stack(
    directory: Path,
    *,
    ports: WantedPorts | None = None,
    simulator: bool = True,
    scenario: Path | None = None,
    topics: Sequence[TopicSpec] | None = None,
) -> AsyncIterator[Stack]:
    """Start all servers on free loopback ports, yield once every one of them answers, and end them all.

    Everything that is written lies in `directory`: logs (`*.log`), the store's objects, `spans.ndjson`. `scenario` is a
    file for the simulator; `simulator=False` leaves it out (then MODEL_* are not in the environment). `topics` unset:
    the contracts' topic cards. Call it in the main thread (see Child). Raises DevstackError.
    """
    directory = _made(directory)
    sweep_store_sockets(now_seconds=time.time())
    with PortLease() as lease:
        choice = choose(lease, ports or WantedPorts())
        specs = contract_topics() if topics is None else topics
        stack = Stack(
            directory=directory,
            servers=servers_of(directory, choice, simulator=simulator, scenario=scenario, topics=specs),
            environment=environment_of(choice, simulator=simulator),
        )
        try:
            await stack.start_all()
            yield stack
        finally:
            stack.close()
            for socket in store_sockets(choice.store):
                socket.unlink(missing_ok=True)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()  # the servers run elsewhere
