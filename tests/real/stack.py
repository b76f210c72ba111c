"""A folder in; the devstack's Stack out, with Apache Kafka for the broker and MinIO for the store.

Simulator and trace sink are the devstack's own. Everything that takes a Stack takes this one; what is different is
listed in README.md beside this file.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from analysis_devstack import readiness
from analysis_devstack.plan import Choice, Server, WantedPorts, choose, environment_of, servers_of
from analysis_devstack.ports import PortLease
from analysis_devstack.servers import BROKER, MEDIA_BUCKET, REGION, RESULTS_BUCKET, STORE
from analysis_devstack.stack import Stack
from analysis_devstack.topics import TopicSpec, contract_topics, create_topics
from tests.real import replicas
from tests.real.cluster import Node, bootstrap_of, broker_command, choose_nodes, format_storage
from tests.real.store import store_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

# Three JVMs are up in about six seconds on two idle cores.
READY_SECONDS = 90.0
# What the embedded broker needs and Kafka does not: these go back to the worker's defaults.
_EMBEDDED_ONLY = ("KAFKA_PRODUCER_IDEMPOTENCE", "KAFKA_FETCH_MAX_WAIT_MS")


class RealStack(Stack):
    """The running servers: broker-1, broker-2, broker-3, store, simulator, trace_sink.

    `broker` stands for all three: `stop`, `kill`, `start` and `restart` take it, too. Brokers keep their records.
    """

    def __init__(
        self,
        *,
        directory: Path,
        servers: Mapping[str, Server],
        environment: Mapping[str, str],
        nodes: Sequence[Node],
        topics: Sequence[TopicSpec],
    ) -> None:
        super().__init__(directory=directory, servers=servers, environment=environment, ready_seconds=READY_SECONDS)
        self._nodes = {node.name: node for node in nodes}
        self._topics = topics

    @property
    def brokers(self) -> tuple[str, ...]:
        """The names of the brokers."""
        return tuple(self._nodes)

    @property
    def bootstrap(self) -> str:
        """Every broker's address."""
        return bootstrap_of(tuple(self._nodes.values()))

    async def start_all(self) -> None:
        """Start every server on a new cluster with empty topics. Raises ServerFailed, CannotFormat."""
        nodes = tuple(self._nodes.values())
        await asyncio.to_thread(format_storage, [self.directory / node.name for node in nodes], nodes)
        await super().start_all()
        await self._wait(replicas.all_registered)
        await self.empty()

    async def start(self, name: str) -> None:
        """As the Stack's; a broker is ready once it has caught up with the others. Raises ServerFailed."""
        for one in self._meant(name):
            self._spawn(one)
        for one in self._meant(name):
            await self._ready(one)
        if numbers := {self._nodes[one].number for one in self._meant(name) if one in self._nodes}:
            await self._in_step(numbers)

    async def stop(self, name: str) -> None:
        """As the Stack's; a single broker hands its partitions over."""
        await asyncio.gather(*(super(RealStack, self).stop(one) for one in self._meant(name)))

    async def kill(self, name: str) -> None:
        """As the Stack's."""
        for one in self._meant(name):
            await super().kill(one)

    async def leader(self, topic: str, partition: int) -> str:
        """The name of the broker that leads a partition."""
        [number] = [
            one.leader
            for one in await replicas.replicas(self.bootstrap)
            if (one.topic, one.partition) == (topic, partition)
        ]
        return next(name for name, node in self._nodes.items() if node.number == number)

    async def empty(self) -> None:
        """New topics without records, under the old names; what groups had committed on the old ones is gone, too."""
        old = await replicas.delete_all(self.bootstrap)
        await self._wait(partial(replicas.without, topics=old))
        await create_topics(self._topics, client={"bootstrap_servers": self.bootstrap})
        await self._in_step()

    def close(self) -> None:
        """End every server; the brokers at once, because nobody will miss them."""
        for name in set(self.brokers) & set(self._children):
            self._children[name].kill()
        super().close()

    def _meant(self, name: str) -> tuple[str, ...]:
        return self.brokers if name == BROKER else (name,)

    async def _in_step(self, numbers: set[int] | None = None) -> None:
        await self._wait(partial(replicas.in_step, topics=[spec.name for spec in self._topics]), numbers)

    async def _wait(self, seen: Callable[[str, set[int]], Awaitable[None]], numbers: set[int] | None = None) -> None:
        wanted = numbers or {node.number for node in self._nodes.values()}
        await readiness.wait_until(lambda: seen(self.bootstrap, wanted), seconds=READY_SECONDS)


@contextlib.asynccontextmanager
async def start_real_stack(directory: Path, *, topics: Sequence[TopicSpec] | None = None) -> AsyncIterator[RealStack]:
    """As `start_stack`: free ports, logs in `directory`, yields once everything answers, and ends all.

    Raises DevstackError, CannotInstall, CannotFormat.
    """
    directory = _made(directory)
    with PortLease() as lease:
        choice, nodes = choose(lease, WantedPorts()), choose_nodes(lease)
        specs = contract_topics() if topics is None else topics
        stack = RealStack(
            directory=directory,
            servers=_servers(directory, choice, nodes),
            environment=_environment(choice, nodes),
            nodes=nodes,
            topics=specs,
        )
        try:
            await stack.start_all()
            yield stack
        finally:
            stack.close()


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()  # the servers run elsewhere


def _servers(directory: Path, choice: Choice, nodes: Sequence[Node]) -> dict[str, Server]:
    kept = servers_of(directory, choice, simulator=True, scenario=None, topics=())
    del kept[BROKER], kept[STORE]
    brokers = {
        node.name: Server(
            command=broker_command(directory / node.name, node=node),
            probe=partial(replicas.broker_answers, node.port),
            remedy="is there memory for three JVMs?",
        )
        for node in nodes
    }
    return brokers | {STORE: _store(directory, choice)} | kept


def _store(directory: Path, choice: Choice) -> Server:
    keys = {"access_key": choice.access_key, "secret_key": choice.secret_key}
    client = readiness.store_client(port=choice.store.s3, region=REGION, **keys)
    return Server(
        command=store_command(directory / STORE, port=choice.store.s3, **keys),
        probe=lambda: readiness.store_takes_objects(client, (MEDIA_BUCKET, RESULTS_BUCKET)),
        remedy="is the disk full?",
    )


def _environment(choice: Choice, nodes: Sequence[Node]) -> dict[str, str]:
    embedded = environment_of(choice, simulator=True)
    kept = {name: value for name, value in embedded.items() if name not in _EMBEDDED_ONLY}
    return kept | {"KAFKA_BOOTSTRAP_SERVERS": bootstrap_of(nodes)}
