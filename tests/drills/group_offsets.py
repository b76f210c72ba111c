"""A stack, a group and a topic in; the group's committed offsets by partition out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from media_contracts.topics import REQUESTED

if TYPE_CHECKING:
    from analysis_devstack.stack import Stack


async def committed_offsets(stack: Stack, group: str, *, topic: str = REQUESTED, partitions: int) -> dict[int, int]:
    """Partitions without a commit are left out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        # Named one by one: the embedded broker closes the connection when it is asked for all of them.
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        found = await admin.list_consumer_group_offsets(group, partitions=asked)
    finally:
        await admin.close()
    return {partition.partition: one.offset for partition, one in found.items() if one.offset >= 0}
