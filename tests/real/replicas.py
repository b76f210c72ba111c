"""A cluster's address in; which brokers and topics it has, who leads and who follows in step, out; and topics anew."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from analysis_devstack.readiness import NotReady, port_answers
from analysis_devstack.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from analysis_devstack.topics import TopicSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicas:
    """Where one partition's copies are: the numbers of the brokers. The leader is -1 while there is none."""

    topic: str
    partition: int
    leader: int
    wanted: frozenset[int]
    in_sync: frozenset[int]


async def broker_answers(port: int) -> None:
    """The broker of that port answers its clients, which it does once the controllers have let it in."""
    await port_answers(port)
    with _not_ready():
        async with _admin(f"127.0.0.1:{port}") as admin:
            await admin.describe_cluster()


async def all_registered(bootstrap: str, numbers: set[int]) -> None:
    """Every one of these brokers is part of the cluster."""
    with _not_ready():
        async with _admin(bootstrap) as admin:
            found = {broker["node_id"] for broker in (await admin.describe_cluster())["brokers"]}
    if missing := numbers - found:
        raise NotReady(f"brokers {sorted(missing)} have not registered")


async def in_step(bootstrap: str, numbers: set[int]) -> None:
    """These brokers have everything that they hold a copy of, and every partition has a leader."""
    for one in await replicas(bootstrap):
        if one.leader < 0 or not one.wanted & numbers <= one.in_sync:
            raise NotReady(f"{one.topic}[{one.partition}]: leader {one.leader}, in step {sorted(one.in_sync)}")


async def replicas(bootstrap: str) -> list[Replicas]:
    """Every partition of every topic, Kafka's own ones too. Raises NotReady while the cluster does not answer."""
    with _not_ready():
        async with _admin(bootstrap) as admin:
            names = await admin.list_topics()
            topics = await admin.describe_topics(names) if names else []
    return [_replicas(topic["topic"], one) for topic in topics for one in topic["partitions"]]


async def make_anew(bootstrap: str, specs: Sequence[TopicSpec]) -> None:
    """Delete every topic but Kafka's own and create these. Raises KafkaError."""
    async with _admin(bootstrap) as admin:
        old = [name for name in await admin.list_topics() if not name.startswith("__")]
        if old:
            response = await admin.delete_topics(old)
            for name, code in response.topic_error_codes:
                if code:
                    raise for_code(code)(f"deleting {name}")
    await create_topics(specs, client={"bootstrap_servers": bootstrap})


def _replicas(topic: str, described: dict[str, Any]) -> Replicas:
    return Replicas(
        topic=topic,
        partition=described["partition"],
        leader=described["leader"],
        wanted=frozenset(described["replicas"]),
        in_sync=frozenset(described["isr"]),
    )


@contextlib.contextmanager
def _not_ready() -> Iterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error


@contextlib.asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
