"""Records in, finished records out: FastStream's loop admits to the intake, aiokafka's consumer pauses and commits.

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

from analysis_worker.errors import BrokerUnavailable, Stopped
from analysis_worker.flood_guard import FloodGuard
from analysis_worker.holds import Hold, Holds
from analysis_worker.intake import Intake
from analysis_worker.kafka.committer import Committer, partition_of
from analysis_worker.kafka.group_offsets import read_commit_maps
from analysis_worker.kafka.standing import read_positions, takes_part
from analysis_worker.kafka.subscription import subscribe
from analysis_worker.offsets import Offsets, Partition
from analysis_worker.values import Delivered
from analysis_worker.window import Slot, Window
from media_contracts import KafkaRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from analysis_worker.settings import KafkaSettings, WorkerSettings

log = logging.getLogger(__name__)
METADATA_SECONDS = 10
LAST_TIMESTAMP_MS = 253_402_300_799_000


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Reads the requested and retry topics and keeps up to `max_in_flight` records in work.

    `process` returns when the broker has acknowledged what came of a record; only then is its offset finished.
    `due_at` tells when a record may be taken, in epoch seconds. `on_fatal` is told of what the worker cannot go on
    after.
    """

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        worker: WorkerSettings,
        process: Callable[[Delivered, Slot], Awaitable[None]],
        due_at: Callable[[KafkaRecord], float],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.holds = Holds()
        self.guard = FloodGuard(share=worker.flood_share, window=worker.flood_window)
        self.offsets = Offsets()
        self.window = Window(capacity=worker.max_in_flight, on_room=self.apply_holds)
        self.committer = Committer(offsets=self.offsets, interval_seconds=worker.commit_seconds)
        self.intake = Intake(
            window=self.window,
            offsets=self.offsets,
            process=process,
            on_finished=self.committer.count,
            on_ended=self._count_end,
            on_due=self._due,
            on_fatal=on_fatal,
        )
        self._kafka = kafka
        self._revoke_seconds = worker.revoke_seconds
        self._due_at = due_at
        self._on_fatal = on_fatal
        self._commits: asyncio.Task[None] | None = None
        self._restoring: asyncio.Task[None] | None = None
        self.joined = False
        self.broker, self._subscriber = subscribe(
            kafka, admit=self._admit, listener=self, revoke_seconds=worker.revoke_seconds
        )

    async def start(self) -> None:
        """Join the group. :raises BrokerUnavailable: when no broker answers."""
        try:
            await self.broker.start()
        except BaseException as error:
            # Also when it was told to end while it joined: a member that does not leave holds up the whole group.
            with suppress(Exception):
                async with asyncio.timeout(self._revoke_seconds):
                    await self.broker.stop()
            if not isinstance(error, KafkaError | OSError):
                raise
            raise BrokerUnavailable(f"no Kafka broker answers: {error}: check KAFKA_BOOTSTRAP_SERVERS") from error
        self.committer.attach(self._client)
        self._commits = asyncio.create_task(self.committer.run())
        self._commits.add_done_callback(self._ended)

    async def drain(self, *, seconds: float) -> None:
        """Take nothing more, let what is under way end, cancel the rest (law 5)."""
        self.holds.put(Hold.DRAINING)
        self.apply_holds()
        cut = await self.intake.drain(seconds=seconds)
        log.info("drained", extra={"event": "drained", "cut_off": cut})

    async def stop(self) -> None:
        """Commit what is finished and leave the group."""
        for task in (self._restoring, self._commits):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        # A broker that is gone must not hold up the end: what is not committed is replayed from the ledger.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._revoke_seconds):
                await self.committer.commit()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._revoke_seconds):
                await self.broker.stop()

    @property
    def consuming(self) -> bool:
        """Whether FastStream's loop is running, which ends on an error it does not know, and aiokafka's own."""
        return takes_part(self._client) and any(not task.done() for task in self._subscriber.tasks)

    async def reaches_broker(self) -> bool:
        """Ask the broker for the topics' metadata."""
        try:
            async with asyncio.timeout(METADATA_SECONDS):
                await self._client.topics()
        except (KafkaError, TimeoutError, OSError):
            return False
        return True

    async def positions(self) -> dict[Partition, int | None]:
        """The next offset of each assigned partition; None for one that is paused or at its end."""
        return await read_positions(self._client)

    def lags(self) -> tuple[int, int]:
        """Over all partitions: records behind the committed offsets, and of those how many are open."""
        client, lag, opened = self._client, 0, 0
        for each in client.assignment() if client else ():
            behind = self.offsets.lag(partition_of(each), end_offset=client.highwater(each) or 0)
            lag, opened = lag + behind[0], opened + behind[1]
        return lag, opened

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's name
        """Commit what is done, then nothing more of this assignment; calls run on (law 4)."""
        if self._restoring is not None:
            self._restoring.cancel()
        self.intake.forget_waiting()
        half_seconds = self._revoke_seconds / 2
        await self.committer.revoke(lambda: self.intake.settle(seconds=half_seconds), wait_seconds=self._revoke_seconds)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a new epoch with everything paused, before anything is awaited: aiokafka forgets pauses here."""
        self.offsets.begin()
        # A flood of a partition that comes back is put again from the guard, which outlives assignments.
        for hold in (Hold.NOT_DUE, Hold.CROWDED, Hold.FLOODED):
            self.holds.lift_everywhere(hold)
        self.holds.put(Hold.STARTING)
        self.apply_holds()
        partitions = frozenset(assigned)
        # Not awaited here: a broker that does not answer must not keep the group waiting for us.
        self._restoring = asyncio.create_task(self._restore(partitions))
        self._restoring.add_done_callback(self._ended)

    async def _restore(self, partitions: frozenset[TopicPartition]) -> None:
        """Read what is finished beyond the commits, then take records."""
        for partition, commit_map in (await read_commit_maps(self._kafka, partitions)).items():
            self.offsets.restore(partition_of(partition), commit_map)
        self.joined = True
        self.holds.lift(Hold.STARTING)
        self.apply_holds()
        log.info(
            "assigned",
            extra={"event": "assigned", "partitions": sorted(f"{p.topic}-{p.partition}" for p in partitions)},
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_fatal(Stopped(f"the consumer cannot go on: {type(error).__name__}: {error}"))

    @property
    def _client(self) -> Any:
        return self._subscriber.consumer

    async def _admit(self, record: ConsumerRecord) -> None:
        each = TopicPartition(record.topic, record.partition)
        partition = partition_of(each)
        if each not in self._client.assignment() or Hold.STARTING in self.holds.of(partition):
            return  # buffered for an assignment that is gone: it comes again, from the commit
        delivered = delivered_of(record)
        wait_seconds = self._due_at(delivered.record) - time.time()
        # Not by its time alone: one that is finished already never falls due, and nothing would lift the hold.
        self.holds.set(Hold.NOT_DUE, partition, when=self.intake.admit(delivered, wait_seconds=wait_seconds))
        self.apply_holds()

    def _due(self, partition: Partition) -> None:
        self.holds.lift(Hold.NOT_DUE, partition)
        self.apply_holds()

    def _count_end(self, partition: Partition, buried: bool) -> None:  # noqa: FBT001 - one word on the way to the guard
        share = self.guard.ended(partition, buried=buried)
        if share is not None:
            log.error(
                "too many dead letters",
                extra={
                    "event": "flood_stopped",
                    "partition": str(partition),
                    "share": round(share, 3),
                    "remedy": "stop what sends them, then: media-analysis resume",
                },
            )
            self.apply_holds()

    def resume(self, *, topic: str | None = None, number: int | None = None) -> tuple[Partition, ...]:
        """Let partitions go on that the flood guard stopped: all, those of a topic, or one; returns which."""
        lifted = self.guard.resume(topic=topic, number=number)
        for partition in lifted:
            log.warning("resumed", extra={"event": "flood_lifted", "partition": str(partition)})
        self.apply_holds()
        return lifted

    def hold(self, hold: Hold, *, when: bool) -> None:
        """Put a hold on all partitions, or lift it."""
        self.holds.set(hold, when=when)
        self.apply_holds()

    def apply_holds(self) -> None:
        """Pause and resume the partitions as the holds, the window and the commit maps say."""
        if self._client is None:
            return
        self.holds.set(Hold.FULL, when=self.window.full)
        assignment = self._client.assignment()
        for each in assignment:
            partition = partition_of(each)
            self.holds.set(Hold.CROWDED, partition, when=self.offsets.crowded(partition))
            self.holds.set(Hold.FLOODED, partition, when=self.guard.stopped(partition))
        held = {each for each in assignment if self.holds.of(partition_of(each))}
        paused = self._client.paused()
        self._client.pause(*(held - paused))
        self._client.resume(*((paused & assignment) - held))


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
