"""Kafka settings in; what a topic holds now out, and a way to put records back, acknowledged."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from analysis_worker.kafka.lenient_records import read_leniently
from analysis_worker.kafka.topic_limits import read_topic_limits
from analysis_worker.weight import weigh
from media_analysis.broker import Heard, connection, started
from media_contracts import KafkaRecord

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable

    from analysis_worker.settings import KafkaSettings

STANDSTILL_SECONDS: Final = 30.0
_POLL_MS: Final = 200
_LARGEST_BYTES: Final = 256 * 1024**2
"""Whatever the topic took once it may take again; what it does not is weighed before it is sent."""


async def held_by(topic: str, settings: KafkaSettings) -> AsyncGenerator[Heard, None]:
    """Yield what a topic holds, up to the ends that its partitions have at the start.

    So what comes while it is read, such as a redriven record that dies again, is not read. It joins no group and
    commits nothing. Raises click.ClickException when there is no such topic or it stops short of an end.
    """
    read_leniently()
    consumer = AIOKafkaConsumer(
        topic,
        **connection(settings),
        group_id=None,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=min(settings.fetch_max_wait_ms, _POLL_MS),
    )
    async with started(consumer, settings):
        if not consumer.assignment():
            raise click.ClickException(f"the broker has no topic {topic}: media-analysis topics --create")
        async for heard in _to_the_end(consumer, topic):
            yield heard


async def _to_the_end(consumer: Any, topic: str) -> AsyncIterator[Heard]:
    """The ends are the high watermarks of the first fetches; nothing is yielded before all of them are known."""
    ends: dict[Any, int] = {}
    waiting: list[Any] = []
    moved = time.monotonic()
    positions: dict[Any, int] = {}
    while True:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=500)
        for each in consumer.assignment():
            if each not in ends and (end := consumer.highwater(each)) is not None:
                ends[each] = end
        waiting += [message for messages in fetched.values() for message in messages]
        if len(ends) == len(consumer.assignment()):
            for message in waiting:
                if message.offset < ends[TopicPartition(topic, message.partition)]:
                    yield _heard(message)
            waiting = []
            now = {each: await consumer.position(each) for each in ends}
            if all(now[each] >= end for each, end in ends.items()):
                return
            if now != positions:
                moved, positions = time.monotonic(), now
        if time.monotonic() - moved > STANDSTILL_SECONDS:
            raise click.ClickException(
                f"the broker gave nothing more of {topic} for {STANDSTILL_SECONDS:.0f} s: try again"
            )


def _heard(message: Any) -> Heard:
    return Heard(
        record=KafkaRecord(topic=message.topic, key=message.key, value=message.value, headers=tuple(message.headers)),
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=message.timestamp,
    )


@asynccontextmanager
async def putting_back(
    settings: KafkaSettings, into: Iterable[str]
) -> AsyncIterator[Callable[[KafkaRecord], Awaitable[str]]]:
    """Give a function that publishes one record and returns why it could not be: empty once the broker has it.

    Many may be under way at once. Raises KafkaError when there is no broker.
    """
    limits = await read_topic_limits(settings, sorted(into))
    producer = AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=settings.producer_idempotence,
        max_request_size=_LARGEST_BYTES,
        linger_ms=5,
    )

    async def put_back(record: KafkaRecord) -> str:
        weight, limit = weigh(record), limits.get(record.topic, _LARGEST_BYTES)
        if weight > limit:
            return f"it weighs {weight} bytes and {record.topic} takes {limit}: raise its max.message.bytes"
        try:
            await _send(producer, record)
        except (KafkaError, TimeoutError) as error:
            return f"the broker did not acknowledge it: {error or type(error).__name__}"
        return ""

    async with started(producer, settings):
        yield put_back


async def _send(producer: Any, record: KafkaRecord) -> None:
    key, value, sent = record.key, record.value, list(record.headers)
    if key is not None or value is not None:
        await producer.send_and_wait(record.topic, value=value, key=key, headers=sent)
        return
    # aiokafka's send() asserts a key or a value (0.14, producer.py); a tombstone that nobody keyed has neither.
    batch = producer.create_batch()
    if batch.append(timestamp=None, key=None, value=None, headers=sent) is None:
        raise TimeoutError("its headers do not fit a batch")
    partition = min(await producer.partitions_for(record.topic))
    await (await producer.send_batch(batch, record.topic, partition=partition))
