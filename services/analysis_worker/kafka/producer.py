"""Record in, the broker's acknowledgement out; aiokafka's send errors become ours here."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from analysis_worker.errors import BrokerUnavailable, RecordTooLarge
from analysis_worker.kafka.connection import connection_arguments
from analysis_worker.kafka.topic_limits import read_topic_limits
from analysis_worker.weight import weigh
from media_contracts import topics

if TYPE_CHECKING:
    from analysis_worker.settings import KafkaSettings
    from media_contracts import KafkaRecord

log = logging.getLogger(__name__)
LIMITED_TOPICS: Final = (
    *(topics.COMPLETED, topics.DEAD_LETTER, topics.PROGRESS),
    *(name for name, _ in topics.RETRY_TOPICS),
)
"""What the worker writes, and whose limits it therefore asks for at the start."""
STOP_SECONDS: Final = 5
CUT_SECONDS: Final = 1


class Producer:
    """Sends one record at a time and waits for all in-sync replicas."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Any = None  # aiokafka has no types
        self._limits: dict[str, int] = {}
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect, and ask what the topics take. :raises BrokerUnavailable: when no broker answers."""
        try:
            self._producer = await self._started()
        except KafkaError as error:
            raise BrokerUnavailable(f"no Kafka broker answers: {error}: check KAFKA_BOOTSTRAP_SERVERS") from error
        self._limits = await read_topic_limits(self._settings, LIMITED_TOPICS)

    def topic_bytes(self, topic: str) -> int:
        """The most that a record of that topic may weigh: the smaller of the setting and what the topic takes."""
        return min(self._settings.max_message_bytes, self._limits.get(topic, self._settings.max_message_bytes))

    async def send(self, record: KafkaRecord) -> None:
        """Send and wait for the acknowledgement.

        :raises BrokerUnavailable: when there was none.
        :raises RecordTooLarge: when there never will be one, by our own weighing or the broker's.
        """
        weight, limit = weigh(record), self.topic_bytes(record.topic)
        if weight > limit:
            raise _too_large(record.topic, f"{weight} bytes, at most {limit}")
        producer = self._producer
        if producer is None:
            raise BrokerUnavailable("the producer was not started")
        try:
            await _acknowledged(producer, record)
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            await self._renew(producer)
            raise _too_large(record.topic, f"{weight} bytes, refused by the broker") from error
        except (KafkaError, TimeoutError) as error:
            if spoils(error):
                await self._renew(producer)
            raise BrokerUnavailable(f"{record.topic}: {type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """Flush and disconnect, within `STOP_SECONDS` and a little."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await put_away(producer, seconds=STOP_SECONDS)

    async def _started(self) -> AIOKafkaProducer:
        settings = self._settings
        producer = AIOKafkaProducer(
            **connection_arguments(settings),
            acks="all",
            enable_idempotence=settings.producer_idempotence,
            max_request_size=settings.max_message_bytes,
            # The window decides how much is under way; waiting for company would only add latency.
            linger_ms=0,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _renew(self, broken: Any) -> None:
        """Put a new producer in the place of one whose batch was refused for good.

        aiokafka counts an idempotent batch's sequence number when it is sent and never takes it back (0.14,
        message_accumulator._pop_batch): the partition's next batch is out of order, and that ends the sender for all.
        """
        async with self._renewing:
            if self._producer is not broken:
                return
            try:
                fresh = await self._started()
            except KafkaError as error:
                log.warning("broker unavailable", extra={"event": "broker_retried", "error": str(error)})
                return
            self._producer = fresh
        # What others still have under way in it is tried again by them, in the new one.
        await put_away(broken, seconds=STOP_SECONDS)


def spoils(error: BaseException) -> bool:
    """Whether a send's error leaves the producer behind a batch that was numbered and refused for good.

    `KafkaTimeoutError` does not: the record never came into a batch, because the one before it is not sent yet.
    """
    return isinstance(error, KafkaError) and not error.retriable and not isinstance(error, KafkaTimeoutError)


async def put_away(producer: Any, *, seconds: float) -> None:
    """Flush and disconnect; what is not acknowledged after so many seconds fails as `KafkaConnectionError`.

    aiokafka's stop() waits for every batch, and an idempotent one is tried for ever (0.14, sender._can_retry). Cut off,
    it leaves sender, metadata task and connections behind, and another call of it returns at once.
    """
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(seconds):
            await producer.stop()
            return
    with suppress(Exception):  # whatever the sender ends with, nobody hears of it
        async with asyncio.timeout(CUT_SECONDS):
            await producer._sender.close()  # noqa: SLF001
    producer._message_accumulator.fail_all(KafkaConnectionError("the producer was put away"))  # noqa: SLF001
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(CUT_SECONDS):
            await producer.client.close()


def _too_large(topic: str, what: str) -> RecordTooLarge:
    return RecordTooLarge(
        f"{topic}: {what}: raise the topic's max.message.bytes, and KAFKA_MAX_MESSAGE_BYTES if that is the smaller"
    )


async def _acknowledged(producer: Any, record: KafkaRecord) -> None:
    key, value, sent = record.key, record.value, list(record.headers)
    if key is not None or value is not None:
        await producer.send_and_wait(record.topic, value=value, key=key, headers=sent)
        return
    # aiokafka's send() asserts a key or a value (0.14, producer.py), Kafka needs neither: a dead letter may have none.
    batch = producer.create_batch()
    if batch.append(timestamp=None, key=None, value=None, headers=sent) is None:
        raise _too_large(record.topic, f"{weigh(record)} bytes of headers do not fit a batch")
    partition = min(await producer.partitions_for(record.topic))
    await (await producer.send_batch(batch, record.topic, partition=partition))
