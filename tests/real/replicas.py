"""A cluster's address in; which brokers and topics it has, who leads and who follows in step, out; and deletes topics."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from analysis_devstack.readiness import NotReady, port_answers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence


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


async def in_step(bootstrap: str, numbers: set[int], *, topics: Sequence[str]) -> None:
    """Each of these brokers knows these topics and every leader, and has everything that it holds a copy of."""
    for number in numbers:
        seen = await replicas(bootstrap, number)
        if missing := set(topics) - {one.topic for one in seen}:
            raise NotReady(f"broker {number} does not know {sorted(missing)}")
        for one in seen:
            if one.leader < 0 or not one.wanted & numbers <= one.in_sync:
                raise NotReady(f"{one.topic}[{one.partition}]: leader {one.leader}, in step {sorted(one.in_sync)}")


async def without(bootstrap: str, numbers: set[int], *, topics: Sequence[str]) -> None:
    """None of these brokers knows these topics any more: each learns from the controllers in its own time."""
    for number in numbers:
        if left := set(topics) & {one.topic for one in await replicas(bootstrap, number)}:
            raise NotReady(f"broker {number} still has {sorted(left)}")


async def replicas(bootstrap: str, number: int | None = None) -> list[Replicas]:
    """Every partition of every topic, Kafka's own ones too, as that broker (or any) sees them. Raises NotReady."""
    with _not_ready():
        async with _admin(bootstrap) as admin:
            request = MetadataRequest(None)  # the public functions ask any broker
            answer = await (
                admin._send_request(request) if number is None else admin._send_request_to_node(number, request)
            )
    return [_replicas(topic["topic"], one) for topic in answer.to_object()["topics"] for one in topic["partitions"]]


async def delete_all(bootstrap: str) -> tuple[str, ...]:
    """Delete every topic but Kafka's own; returns their names. Raises KafkaError."""
    async with _admin(bootstrap) as admin:
        old = [name for name in await admin.list_topics() if not name.startswith("__")]
        response = await admin.delete_topics(old) if old else None
        for name, code in response.topic_error_codes if response else ():
            if code:
                raise for_code(code)(f"deleting {name}")
    return tuple(old)


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
