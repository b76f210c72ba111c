"""aiokafka's consumer in, where it stands out: the next offset of each partition that ought to move."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError

from analysis_worker.kafka.committer import partition_of

if TYPE_CHECKING:
    from analysis_worker.offsets import Partition

POSITION_SECONDS: Final = 1


async def read_positions(client: Any) -> dict[Partition, int | None]:
    """The next offset of each assigned partition; None for one that is paused or at its end.

    What a rebalance takes away meanwhile is left out.
    """
    # All before the first await: highwater() asserts an assignment that a rebalance may change while we wait.
    paused = client.paused()
    ends = {each: client.highwater(each) for each in client.assignment()}
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
