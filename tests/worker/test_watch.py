"""The worker's look at its broker survives whatever a rebalance does meanwhile."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.metadata import MetadataResponse_v1

from analysis_worker.holds import Holds
from analysis_worker.kafka.standing import read_positions, takes_part
from analysis_worker.offsets import Partition
from analysis_worker.watch import Watch
from tests.processes import until

ONE, OTHER = TopicPartition("t", 0), TopicPartition("t", 1)


class Client:
    """aiokafka's own assignment and its own look at it, without a broker; every partition's log ends at 10."""

    highwater = AIOKafkaConsumer.highwater
    last_stable_offset = AIOKafkaConsumer.last_stable_offset
    paused = AIOKafkaConsumer.paused
    assignment = AIOKafkaConsumer.assignment

    def __init__(self, *, at, on_position=lambda: None):
        self._subscription = SubscriptionState()
        self._subscription.subscribe({"t"})
        self._client = SimpleNamespace(cluster=ClusterMetadata(metadata_max_age_ms=1000))
        self.lead(ONE, OTHER)
        self._at = at
        self._on_position = on_position
        self.assign(ONE, OTHER)

    def assign(self, *partitions):
        self._subscription.assign_from_subscribed(partitions)
        for each in partitions:
            self.state(each).highwater = 10
            self.state(each).lso = 10
            self.state(each).seek(self._at)

    def lead(self, *partitions):
        led = [(0, each.partition, 1 if each in partitions else -1, [1], [1]) for each in (ONE, OTHER)]
        answer = MetadataResponse_v1([(1, "localhost", 9092, None)], 1, [(0, "t", False, led)])
        self._client.cluster.update_metadata(answer)

    def state(self, each):
        return self._subscription.subscription.assignment.state_value(each)

    def pause(self, each):
        self._subscription.pause(each)

    async def position(self, each):
        self._on_position()
        return await AIOKafkaConsumer.position(self, each)


def ours(each):
    return Partition(topic=each.topic, number=each.partition)


async def test_a_partition_that_a_rebalance_takes_away_in_mid_look_is_left_out():
    client = Client(at=3, on_position=lambda: client.assign(ONE))
    assert await read_positions(client) == {ours(ONE): 3}


async def test_paused_or_at_its_end_a_partition_need_not_move():
    client = Client(at=9)
    assert await read_positions(client) == {ours(ONE): 9, ours(OTHER): 9}
    client.pause(ONE)
    client.state(OTHER).highwater = 9
    assert await read_positions(client) == {ours(ONE): None, ours(OTHER): None}


@pytest.mark.parametrize(("stable", "moves"), [(9, False), (10, True), (-1, True), (None, True)])
async def test_before_a_transaction_that_is_open_upstream_a_partition_cannot_move(stable, moves):
    client = Client(at=9)
    client.state(ONE).lso = stable
    assert await read_positions(client) == {ours(ONE): 9 if moves else None, ours(OTHER): 9}


async def test_without_a_leader_a_partition_cannot_move():
    client = Client(at=9)
    client.lead(OTHER)
    assert await read_positions(client) == {ours(ONE): None, ours(OTHER): 9}


async def test_a_consumer_whose_group_routine_has_ended_takes_no_part():
    client = AIOKafkaConsumer("t", group_id="g", bootstrap_servers="127.0.0.1:1")
    try:
        assert takes_part(None)
        assert takes_part(client), "not started"
        # What start() builds, less the connection to a broker.
        client._coordinator = GroupCoordinator(client._client, client._subscription, group_id="g")
        assert takes_part(client)
        task = client._coordinator._coordination_task
        task.cancel()
        await asyncio.wait([task])
        assert not takes_part(client)
    finally:
        await client.stop()


class Looked:
    """A consumer whose first looks fail as the caller says."""

    consuming = joined = True

    def __init__(self, faults):
        self._faults = faults
        self.looks = 0
        self.holds = Holds()

    async def reaches_broker(self):
        return True

    async def positions(self):
        self.looks += 1
        if self._faults:
            raise self._faults.pop()
        return {}


async def test_no_fault_of_a_look_ends_the_looking(caplog):
    consumer = Looked([AssertionError("Partition is not assigned"), RuntimeError("anything")])
    async with Watch(clock=time.monotonic, stall_seconds=0.04) as watch:
        watch.look_at_consumer(consumer)
        await until(lambda: consumer.looks > 3)
    assert [record.event for record in caplog.records] == ["look_failed", "look_failed"]
