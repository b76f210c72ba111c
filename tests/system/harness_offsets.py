"""A group and a stack in, what the group committed on the requested topic out: offsets, and the maps with them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from analysis_worker.commit_map import CommitMap, decode_commit_map
from media_contracts import load_topic_cards
from media_contracts.topics import REQUESTED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from analysis_devstack.stack import Stack


class Committed:
    """The committed offsets of groups, by partition of the requested topic; partitions without one are left out."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin
        [card] = [card for card in load_topic_cards() if card.name == REQUESTED]
        self._partitions = [TopicPartition(REQUESTED, number) for number in range(card.partitions)]

    async def of(self, group_id: str) -> dict[int, int]:
        # Named one by one: the embedded broker closes the connection when it is asked for all of them.
        found = await self._admin.list_consumer_group_offsets(group_id, partitions=self._partitions)
        return {partition.partition: one.offset for partition, one in found.items() if one.offset >= 0}

    async def map_of(self, group_id: str, partition: int) -> CommitMap:
        """What is finished beyond the committed offset of one partition (the embedded broker drops it)."""
        found = await self._admin.list_consumer_group_offsets(group_id, partitions=self._partitions)
        one = found[TopicPartition(REQUESTED, partition)]
        base = max(0, one.offset)
        return decode_commit_map(one.metadata or "", base=base)


@contextlib.asynccontextmanager
async def open_committed(stack: Stack) -> AsyncIterator[Committed]:
    """Connect to the stack's broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        yield Committed(admin)
    finally:
        await admin.close()
