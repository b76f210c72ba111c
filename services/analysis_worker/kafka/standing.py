"""aiokafka's consumer in, where it stands out: whether it takes part in its group, the next offset of each partition."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError

from analysis_worker.kafka.committer import partition_of

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from analysis_worker.offsets import Partition

POSITION_SECONDS: Final = 1
NO_LEADER: Final = -1


def takes_part(client: Any) -> bool:
    """Whether the routine that joins, beats and rejoins for the consumer still runs; nobody else watches it.

    aiokafka 0.14 keeps it in `_coordinator._coordination_task`; when it ends on an error, only `check_errors()` tells,
    which a paused or idle consumer may never come to. A release that keeps it elsewhere is taken for running.
    """
    task = getattr(getattr(client, "_coordinator", None), "_coordination_task", None)
    return not isinstance(task, asyncio.Task) or not task.done()


async def read_positions(client: Any) -> dict[Partition, int | None]:
    """The next offset of each assigned partition; None for one that need not or cannot move.

    Paused, at its end, before a transaction that is still open upstream, or without a leader: no restart of ours mends
    that. What a rebalance takes away meanwhile is left out.
    """
    # All before the first await: highwater() asserts an assignment that a rebalance may change while we wait.
    paused = client.paused()
    ends = {each: _end(client, each) for each in client.assignment()}
    found: dict[Partition, int | None] = {}
    for each, end in ends.items():
        if each in paused or end is None:
            found[partition_of(each)] = None
            continue
        with suppress(KafkaError, TimeoutError):  # just taken away from us, or its position is not known yet
            async with asyncio.timeout(POSITION_SECONDS):
                position = await client.position(each)
            found[partition_of(each)] = position if position < end else None
    return found


def _end(client: Any, partition: TopicPartition) -> int | None:
    """How far the partition can be read now; None when that is unknown or nobody leads it."""
    end: int | None = client.highwater(partition)
    stable: int | None = client.last_stable_offset(partition)
    if end is None or not _is_led(client, partition):
        return None
    # Of what is read committed the broker gives nothing beyond the last stable offset; -1 or None: it tells none.
    return min(end, stable) if stable is not None and stable >= 0 else end


def _is_led(client: Any, partition: TopicPartition) -> bool:
    """Whether the consumer knows the partition's leader; aiokafka 0.14 tells that nowhere in public."""
    leader = client._client.cluster.leader_for_partition(partition)  # noqa: SLF001
    return leader is not None and leader != NO_LEADER
