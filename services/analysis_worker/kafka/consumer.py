"""Records in, finished records out: FastStream's loop admits to the window, aiokafka's consumer pauses and commits.

FastStream is given a parser and a decoder that pass the record through, because its own swallow a record whose header
is null or not UTF-8 (DESIGN.md §5). The handler only admits: whatever it raised would be swallowed as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from analysis_worker.errors import BrokerUnavailable
from analysis_worker.kafka.committer import Committer, partition_of
from analysis_worker.kafka.security import faststream_security
from analysis_worker.offsets import Offsets, Partition, Ticket
from analysis_worker.values import Delivered
from analysis_worker.window import Slot, Window
from media_contracts import KafkaRecord, topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from analysis_worker.settings import KafkaSettings, WorkerSettings

log = logging.getLogger(__name__)
REBALANCE_MARGIN_SECONDS = 25
METADATA_SECONDS = 10
LAST_TIMESTAMP_MS = 253_402_300_799_000


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Reads the requested topics and keeps up to `max_in_flight` records in work.

    `process` returns when the broker has acknowledged what came of a record; only then is its offset finished.
    `on_fatal` is told when it raised: the record stays uncommitted, and the worker has to stop.
    """

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        worker: WorkerSettings,
        process: Callable[[Delivered, Slot], Awaitable[None]],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.window = Window(capacity=worker.max_in_flight, on_room=self._resume)
        self.offsets = Offsets()
        self.committer = Committer(offsets=self.offsets, interval_seconds=worker.commit_seconds)
        self._revoke_seconds = worker.revoke_seconds
        self._process = process
        self._on_fatal = on_fatal
        self._tasks: set[asyncio.Task[None]] = set()
        self._commits: asyncio.Task[None] | None = None
        self._paused: set[TopicPartition] = set()
        self._draining = False
        self.joined = False
        self.broker = KafkaBroker(
            kafka.bootstrap_servers.split(","),
            security=faststream_security(kafka),
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            client_id="media-analysis",
        )
        self._subscriber = self.broker.subscriber(
            *sorted({topics.REQUESTED, *kafka.tenant_topics}),
            group_id=kafka.group_id,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=kafka.fetch_max_wait_ms,
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=max(1, kafka.session_timeout_ms // 10),
            max_poll_interval_ms=kafka.max_poll_interval_ms,
            rebalance_timeout_ms=int((worker.revoke_seconds + REBALANCE_MARGIN_SECONDS) * 1000),
            listener=self,
            parser=_pass_through,
            decoder=_raw_record,
            description="Requests to analyse media.",
        )
        self._subscriber(self._admit)

    async def start(self) -> None:
        """Join the group. :raises BrokerUnavailable: when no broker answers."""
        try:
            await self.broker.start()
        except (KafkaError, OSError) as error:
            with suppress(Exception):
                await self.broker.stop()
            raise BrokerUnavailable(f"no Kafka broker answers: {error}: check KAFKA_BOOTSTRAP_SERVERS") from error
        self.committer.attach(self._client)
        self._commits = asyncio.create_task(self.committer.run())

    async def drain(self, *, seconds: float) -> None:
        """Take nothing more, let what is under way end, cancel the rest (law 5)."""
        self._draining = True
        self._pause()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        cut = [task for task in self._tasks if not task.done()]
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        log.info("drained", extra={"event": "drained", "cut_off": len(cut)})

    async def stop(self) -> None:
        """Commit what is finished and leave the group."""
        if self._commits is not None:
            self._commits.cancel()
            await asyncio.gather(self._commits, return_exceptions=True)
            # A broker that is gone must not hold up the end: what is not committed is replayed from the ledger.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._revoke_seconds):
                    await self.committer.commit()
        await self.broker.stop()

    @property
    def consuming(self) -> bool:
        """Whether FastStream's loop is running; it ends silently on an error it does not know."""
        return any(not task.done() for task in self._subscriber.tasks)

    async def reaches_broker(self) -> bool:
        """Ask the broker for the topics' metadata."""
        try:
            async with asyncio.timeout(METADATA_SECONDS):
                await self._client.topics()
        except (KafkaError, TimeoutError, OSError):
            return False
        return True

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's name
        """Commit what is done, then nothing more of this assignment; calls run on (law 4)."""
        await self.committer.revoke(wait_seconds=self._revoke_seconds)
        self._paused.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pauses are forgotten at a reassignment, so they are set again before anything is awaited."""
        self.joined = True
        if self._draining or self.window.full:
            self._pause()
        log.info("assigned", extra={"event": "assigned", "partitions": sorted(str(partition_of(p)) for p in assigned)})

    @property
    def _client(self) -> Any:
        return self._subscriber.consumer

    async def _admit(self, record: ConsumerRecord) -> None:
        ticket = self.offsets.deliver(Partition(topic=record.topic, number=record.partition), record.offset)
        self.window.admit()
        task = asyncio.create_task(self._work(ticket, delivered_of(record)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.window.full or self._draining:
            self._pause()

    async def _work(self, ticket: Ticket, delivered: Delivered) -> None:
        try:
            async with self.window.slot() as slot:
                await self._process(delivered, slot)
            self.offsets.finish(ticket)
        except Exception as error:  # noqa: BLE001 - whatever it is, the record is not finished
            self._on_fatal(error)
        finally:
            self.window.leave()

    def _pause(self) -> None:
        if self._client is not None:
            partitions = self._client.assignment()
            self._client.pause(*partitions)
            self._paused = set(partitions)

    def _resume(self) -> None:
        if self._paused and not self._draining and not self.window.full and self._client is not None:
            self._client.resume(*(self._paused & self._client.assignment()))
            self._paused.clear()


def delivered_of(record: ConsumerRecord) -> Delivered:
    """Our value of aiokafka's record: raw key, value and header list, order, repeats and nulls kept."""
    return Delivered(
        record=KafkaRecord(
            topic=record.topic,
            key=record.key,
            value=record.value,
            headers=tuple((str(n), v) for n, v in record.headers),
        ),
        partition=record.partition,
        offset=record.offset,
        # A producer may send any number; beyond the year 9999, or -1 for none, the broker's is as good as now.
        timestamp_ms=record.timestamp if 0 < record.timestamp < LAST_TIMESTAMP_MS else int(time.time() * 1000),
    )


async def _pass_through(record: ConsumerRecord) -> KafkaMessage:
    return KafkaMessage(
        raw_message=record,
        body=b"",
        headers={},
        message_id=f"{record.topic}-{record.partition}-{record.offset}",
        correlation_id="",
        consumer=None,  # type: ignore[arg-type]  # nobody acknowledges through FastStream
    )


async def _raw_record(message: KafkaMessage) -> ConsumerRecord:
    return message.raw_message
