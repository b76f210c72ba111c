"""The finished prefix in, committed offsets out: one committer, offsets named explicitly (laws 3 and 4)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from analysis_worker.offsets import Offsets, Partition

log = logging.getLogger(__name__)
METADATA: Final = ""
"""Completions beyond the prefix will travel here (law 3); until then nothing does."""


class Committer:
    """Commits what `offsets` says may be committed, every `interval_seconds`."""

    def __init__(self, *, offsets: Offsets, interval_seconds: float) -> None:
        self._offsets = offsets
        self._interval_seconds = interval_seconds
        self._consumer: Any = None
        # Held over a commit and over a revoke, so that no commit of an old assignment is sent after it was taken
        # away: aiokafka stamps the generation when it sends (conventions.md §3.8b).
        self.lock = asyncio.Lock()

    def attach(self, consumer: Any) -> None:
        """Use this consumer (aiokafka's)."""
        self._consumer = consumer

    async def run(self) -> None:
        """Commit for ever."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self.commit()

    async def commit(self) -> None:
        """Commit the finished prefix now; what fails is tried again with the next one."""
        async with self.lock:
            wanted = self._offsets.committable()
            if not wanted or self._consumer is None:
                return
            named = {
                TopicPartition(partition.topic, partition.number): OffsetAndMetadata(offset, METADATA)
                for partition, offset in wanted.items()
            }
            try:
                await self._consumer.commit(named)
            except KafkaError as error:
                # The offsets stay committable; after a rebalance the records come again and are replayed.
                log.warning("commit failed", extra={"event": "commit_failed", "error": type(error).__name__})
                return
            for partition, offset in wanted.items():
                self._offsets.committed(partition, offset)

    async def revoke(self, *, wait_seconds: float) -> None:
        """Commit what is done, within `wait_seconds`, then let nothing of this assignment commit any more."""
        try:
            async with asyncio.timeout(wait_seconds):
                await self.commit()
        except TimeoutError:
            log.warning("no commit within the revoke time", extra={"event": "commit_timed_out"})
        self._offsets.revoke()


def partition_of(topic_partition: TopicPartition) -> Partition:
    """Our name for aiokafka's."""
    return Partition(topic=topic_partition.topic, number=topic_partition.partition)
