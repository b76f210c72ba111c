"""Kafka settings in; a way to publish records, and to hear them as they come, out."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from analysis_worker.kafka.connection import connection_arguments
from media_contracts import KafkaRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from analysis_worker.settings import KafkaSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A record as the broker delivered it, and where it stands; the timestamp in milliseconds since the epoch."""

    record: KafkaRecord
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int


Send: TypeAlias = "Callable[[KafkaRecord], Awaitable[Receipt]]"


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every aiokafka client needs to be told, and keep it from logging what it raises as well."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return {"client_id": "media-analysis", **connection_arguments(settings)}


@asynccontextmanager
async def publishing(settings: KafkaSettings) -> AsyncIterator[Send]:
    """Give a function that publishes one record and returns once the broker has it. Raises KafkaError."""
    producer = AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=settings.producer_idempotence,
        max_request_size=settings.max_message_bytes * 4,  # what is too large for a topic is the broker's to refuse
    )

    async def send(record: KafkaRecord) -> Receipt:
        told = await producer.send_and_wait(
            record.topic, value=record.value, key=record.key, headers=list(record.headers)
        )
        return Receipt(topic=told.topic, partition=told.partition, offset=told.offset)

    async with started(producer, settings):
        yield send


@asynccontextmanager
async def listening(
    settings: KafkaSettings, topics: Sequence[str], *, from_beginning: bool
) -> AsyncIterator[AsyncIterator[Heard]]:
    """Give the records of the topics: all of them, or those that come from now on. Raises KafkaError.

    It joins no group and commits nothing. With `from_beginning=False` the positions are fixed before this yields, so
    that an answer to what is published afterwards is not missed.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        **connection(settings),
        group_id=None,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        isolation_level="read_committed",
    )
    async with started(consumer, settings):
        if not from_beginning:
            await consumer.seek_to_end()
            for partition in consumer.assignment():
                await consumer.position(partition)
        yield _heard(consumer)


@asynccontextmanager
async def started(client: AIOKafkaProducer | AIOKafkaConsumer, settings: KafkaSettings) -> AsyncIterator[None]:
    """Start and stop a client; `async with` of its own would leave it open when the start fails."""
    try:
        await client.start()
    except KafkaConnectionError:
        await client.stop()
        remedy = "check KAFKA_BOOTSTRAP_SERVERS and that the broker is up"
        raise click.ClickException(f"no broker answers at {settings.bootstrap_servers}: {remedy}") from None
    try:
        yield
    finally:
        await client.stop()


async def _heard(consumer: AIOKafkaConsumer) -> AsyncIterator[Heard]:
    async for message in consumer:
        yield Heard(
            record=KafkaRecord(
                topic=message.topic, key=message.key, value=message.value, headers=tuple(message.headers)
            ),
            partition=message.partition,
            offset=message.offset,
            timestamp_ms=message.timestamp,
        )
