"""A producer whose broker is gone is put away in time, with all that belongs to it, and those who wait are told."""

import asyncio
import gc

import confluent_kafka
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from analysis_worker.kafka.producer import put_away, spoils
from tests.processes import until


class MockBroker:
    """librdkafka's mock cluster: a listener that speaks Kafka, in this process."""

    def __init__(self):
        self._owner = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
        [broker] = self._owner.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"

    def vanish(self):
        del self._owner
        gc.collect()


async def test_a_producer_whose_broker_is_gone_leaves_no_task_and_no_waiting_sender_behind():
    broker = MockBroker()
    others = asyncio.all_tasks()
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, enable_idempotence=True, acks="all")
    await producer.start()
    await producer.send_and_wait("t", b"arrives")
    broker.vanish()
    waits = asyncio.create_task(producer.send_and_wait("t", b"never arrives"))
    await until(lambda: producer._message_accumulator._batches or producer._message_accumulator._pending_batches)
    async with asyncio.timeout(10):
        await put_away(producer, seconds=0.2)
        with pytest.raises(KafkaConnectionError, match="put away"):
            await waits
    await until(lambda: asyncio.all_tasks() == others)
    assert not [one for one in producer.client._conns.values() if one.connected()]


async def test_a_producer_that_is_well_is_flushed():
    broker = MockBroker()
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, enable_idempotence=True, acks="all")
    await producer.start()
    sent = await producer.send("t", b"arrives")
    await put_away(producer, seconds=10)
    assert (await sent).offset == 0
    broker.vanish()


@pytest.mark.parametrize(
    ("error", "spoilt"),
    [
        (OutOfOrderSequenceNumber(), True),
        (TopicAuthorizationFailedError(), True),
        (KafkaTimeoutError(), False),
        (UnknownTopicOrPartitionError(), False),
        (TimeoutError(), False),
    ],
)
def test_only_what_was_refused_for_good_asks_for_a_new_producer(error, spoilt):
    assert spoils(error) is spoilt
