"""A group and partitions in, what the group committed for them out, metadata included (law 3)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAuthorizationFailedError,
)

from analysis_worker.commit_map import CommitMap, UnknownCommitMap, decode_commit_map
from analysis_worker.kafka.connection import connection_arguments

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiokafka import TopicPartition

    from analysis_worker.settings import KafkaSettings

log = logging.getLogger(__name__)
ANSWER_SECONDS: Final = 10
PAUSE_SECONDS: Final = 1
FATAL: Final = (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    TopicAuthorizationFailedError,
)
"""What asking again cannot mend."""


async def read_commit_maps(
    settings: KafkaSettings, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, CommitMap]:
    """What is finished beyond each committed offset; a partition without a commit is left out.

    Asks until a broker answers: the caller keeps the partitions paused meanwhile. Read by an admin client, because the
    consumer's own `committed()` drops the metadata (conventions.md §3.8b).

    :raises KafkaError: one of `FATAL`.
    """
    while True:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await _read(settings, partitions)
        except FATAL:
            raise
        except (KafkaError, TimeoutError, OSError, AttributeError) as error:
            # AttributeError: aiokafka 0.14 trips over itself when a partition's answer carries an error code.
            log.warning("commit maps unread", extra={"event": "commit_maps_retried", "error": type(error).__name__})
            await asyncio.sleep(PAUSE_SECONDS)


async def _read(settings: KafkaSettings, partitions: Collection[TopicPartition]) -> dict[TopicPartition, CommitMap]:
    if not partitions:
        return {}
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(settings.group_id, partitions=list(partitions))
    finally:
        await admin.close()
    return {
        partition: _decoded(partition, one.metadata or "", base=one.offset)
        for partition, one in found.items()
        if one.offset >= 0
    }


def _decoded(partition: TopicPartition, text: str, *, base: int) -> CommitMap:
    try:
        return decode_commit_map(text, base=base)
    except UnknownCommitMap as fault:
        # Its records come again and are replayed from the ledger: slower, and nothing is paid twice.
        log.warning(
            "commit map unknown",
            extra={"event": "commit_map_unknown", "partition": str(partition), "error": str(fault)},
        )
        return CommitMap(base=base, end=base)
