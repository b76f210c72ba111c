"""What is finished in, committed offsets out: one committer, offsets named explicitly (laws 3 and 4)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from analysis_worker.offsets import Offsets, Partition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)
COMMIT_COUNT: Final = 500
"""So many finished records are committed at once, without waiting for the interval."""


class Committer:
    """Commits what `offsets` says may be committed, every `interval_seconds` or `COMMIT_COUNT` finished records."""

    def __init__(self, *, offsets: Offsets, interval_seconds: float) -> None:
        self._offsets = offsets
        self._interval_seconds = interval_seconds
        self._consumer: Any = None
        self._sending: asyncio.Task[None] | None = None
        self._finished = 0
        self._many = asyncio.Event()
        # Held over a commit and over a revoke, so that no commit of an old assignment is begun after it was taken
        # away: aiokafka stamps the generation when it sends (conventions.md §3.8b).
        self._lock = asyncio.Lock()

    def attach(self, consumer: Any) -> None:
        """Use this consumer (aiokafka's)."""
        self._consumer = consumer

    def count(self) -> None:
        """A record was finished."""
        self._finished += 1
        if self._finished >= COMMIT_COUNT:
            self._many.set()

    async def run(self) -> None:
        """Commit for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_seconds):
                    await self._many.wait()
            await self.commit()

    async def commit(self) -> None:
        """Commit what is finished now; what fails is tried again with the next one."""
        async with self._lock:
            await self._commit()

    async def revoke(self, settle: Callable[[], Awaitable[None]], *, wait_seconds: float) -> None:
        """Let `settle` end and commit, within `wait_seconds`; then let nothing of this assignment commit any more."""
        try:
            async with asyncio.timeout(wait_seconds):
                async with self._lock:
                    await settle()
                    await self._commit()
        except TimeoutError:
            log.warning("no commit within the revoke time", extra={"event": "commit_timed_out"})
        finally:
            # aiokafka repeats a commit that failed for a while, and stamps each repetition with the generation of
            # that moment: one that began before the revoke would go out as if it belonged to the next assignment.
            if self._sending is not None:
                self._sending.cancel()
            self._offsets.begin()

    async def _commit(self) -> None:
        self._finished = 0
        self._many.clear()
        wanted = self._offsets.committable()
        if not wanted or self._consumer is None:
            return
        named = {
            TopicPartition(partition.topic, partition.number): OffsetAndMetadata(mark.offset, mark.metadata)
            for partition, mark in wanted.items()
        }
        if await self._sent(named):
            for partition, mark in wanted.items():
                self._offsets.committed(partition, mark)

    async def _sent(self, named: dict[TopicPartition, OffsetAndMetadata]) -> bool:
        """Whether the broker took it. What it did not take stays committable, or is replayed from the ledger."""
        sending = self._sending = asyncio.create_task(self._consumer.commit(named))
        try:
            await asyncio.wait({sending})
        finally:
            sending.cancel()
            self._sending = None
        if sending.cancelled():
            return False
        error = sending.exception()
        if error is None:
            return True
        if not isinstance(error, KafkaError):
            raise error
        log.warning("commit failed", extra={"event": "commit_failed", "error": type(error).__name__})
        return False


def partition_of(topic_partition: TopicPartition) -> Partition:
    """Our name for aiokafka's."""
    return Partition(topic=topic_partition.topic, number=topic_partition.partition)
