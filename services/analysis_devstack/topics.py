"""Topic cards and a broker in; created topics, or the list of differences between cards and broker, out."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from media_contracts.topics import REQUESTED, RETRY_TOPICS, load_topic_cards

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

_ALREADY_EXISTS = 36  # Kafka protocol error codes


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicSpec:
    """A topic as it shall be: its partitions and the configuration entries that the card fixes."""

    name: str
    partitions: int
    configuration: Mapping[str, str]
    replicas: int = 1
    """Copies in a production cluster; a smaller cluster gets as many as it has brokers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing about a topic that the broker has otherwise; `found` is None when it is not there at all."""

    topic: str
    what: str
    wanted: str
    found: str | None


def contract_topics() -> tuple[TopicSpec, ...]:
    """The topics of the contracts' cards."""
    return tuple(
        TopicSpec(
            name=card.name,
            partitions=card.partitions,
            replicas=card.replication_factor,
            configuration=card.topic_configuration,
        )
        for card in load_topic_cards()
    )


async def create_topics(specs: Sequence[TopicSpec], *, client: Mapping[str, Any]) -> tuple[str, ...]:
    """Create the topics that are missing and return their names; those that exist stay as they are.

    `client` holds AIOKafkaAdminClient's keyword arguments. Raises KafkaError.
    """
    async with _admin(client) as admin:
        existing = set(await admin.list_topics())
        missing = [spec for spec in specs if spec.name not in existing]
        if not missing:
            return ()
        brokers = len((await admin.describe_cluster())["brokers"])
        response = await admin.create_topics([_new_topic(spec, brokers) for spec in missing])
    for name, code, message in response.topic_errors:
        if code not in (0, _ALREADY_EXISTS):
            raise for_code(code)(f"creating {name}: {message}")
    return tuple(name for name, code, _ in response.topic_errors if code == 0)


async def compare_topics(specs: Sequence[TopicSpec], *, client: Mapping[str, Any]) -> tuple[Difference, ...]:
    """List what the broker has otherwise than the cards: missing topics, partitions, configuration. Raises KafkaError.

    Fewer partitions or another configuration than the card's is a difference; so is more, because producers of other
    teams map keys to partitions by that number.
    """
    async with _admin(client) as admin:
        # Only what is there: describing a missing topic creates it where the broker auto-creates (seen with Tansu).
        existing = set(await admin.list_topics())
        there = [spec for spec in specs if spec.name in existing]
        partitions = await _partitions(admin, [spec.name for spec in there])
        configuration = await _configuration(admin, [spec.name for spec in there])
    gone = [
        Difference(topic=spec.name, what="topic", wanted="present", found=None)
        for spec in specs
        if spec.name not in existing
    ]
    return (
        *gone,
        *(one for spec in there for one in differences(spec, partitions[spec.name], configuration[spec.name])),
        *short_lived_retries(configuration),
    )


async def describe_topics(names: Sequence[str], *, client: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The configuration of those of the topics that are there, as far as the broker tells it. Raises KafkaError."""
    async with _admin(client) as admin:
        existing = set(await admin.list_topics())
        return await _configuration(admin, [name for name in names if name in existing])


def differences(spec: TopicSpec, partitions: int, configuration: Mapping[str, str]) -> tuple[Difference, ...]:
    """Pure: compare one topic with what the broker says of it."""
    found = []
    if partitions != spec.partitions:
        found.append(Difference(topic=spec.name, what="partitions", wanted=str(spec.partitions), found=str(partitions)))
    found += [
        Difference(topic=spec.name, what=name, wanted=wanted, found=configuration.get(name))
        for name, wanted in spec.configuration.items()
        if configuration.get(name) != wanted
    ]
    return tuple(found)


def short_lived_retries(
    configurations: Mapping[str, Mapping[str, str]], *, requested: Sequence[str] = (REQUESTED,)
) -> tuple[Difference, ...]:
    """Pure: the retry topics that keep a copy for less time than a topic of requests keeps the request.

    A copy stands for its request, whose offset is committed: when it expires while no worker runs, it is lost (law 1).
    What the broker does not tell is not judged.
    """
    lives = {
        name: _retention_ms(told["retention.ms"]) for name, told in configurations.items() if "retention.ms" in told
    }
    longest_ms = max((lives[name] for name in requested if name in lives), default=0.0)
    wanted = "for ever (-1)" if longest_ms == math.inf else f"at least {longest_ms:.0f}, as long as a request is kept"
    return tuple(
        Difference(topic=name, what="retention.ms", wanted=wanted, found=configurations[name]["retention.ms"])
        for name, _ in RETRY_TOPICS
        if lives.get(name, math.inf) < longest_ms
    )


def _retention_ms(told: str) -> float:
    return math.inf if int(told) < 0 else int(told)


def _new_topic(spec: TopicSpec, brokers: int) -> NewTopic:
    copies = max(1, min(spec.replicas, brokers))
    return NewTopic(spec.name, spec.partitions, copies, topic_configs=dict(spec.configuration))


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    described = await admin.describe_topics(names) if names else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _configuration(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    responses = await admin.describe_configs(resources) if resources else []
    # A resource is (error code, error message, type, name, entries); an entry begins with name and value.
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for response in responses
        for resource in response.resources
    }


@contextlib.asynccontextmanager
async def _admin(client: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
