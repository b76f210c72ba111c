"""Starts the embedded broker: who uses nothing of ours understands us, and we understand them.

The producer and the consumer are those of `contracts/README.md`: confluent-kafka, headers by hand, plain JSON.
"""

from __future__ import annotations

import json

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from media_contracts import (
    AnalysisRequested,
    KafkaRecord,
    MediaItem,
    decode_completed,
    decode_requested,
    encode_completed,
    encode_event,
    topics,
)
from tests.contracts.readme import run_block
from tests.contracts.strategies import NOW, a_completion

pytestmark = pytest.mark.system
SECONDS = 30


@pytest.fixture
def bootstrap(stack):
    return stack.environment["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture
def topic(bootstrap, unique):
    """A topic of our own, because the stack is shared."""
    name = f"foreign-{unique}"
    # Kept until the end: librdkafka drops what an admin client still has to do when the client goes.
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([NewTopic(name, 1, 1)]).values():
        created.result(SECONDS)
    return name


def read_one(bootstrap, topic, group):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    # Assigned, not subscribed: the embedded broker lets the first member of a group wait for half its session.
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        message = consumer.poll(SECONDS)
        assert message is not None, f"nothing on {topic} within {SECONDS} s"
        assert message.error() is None
        # What a real request topic would be called: the source of plain JSON is named after it.
        return KafkaRecord(
            topic=topics.REQUESTED, key=message.key(), value=message.value(), headers=tuple(message.headers() or ())
        )
    finally:
        consumer.close()


def test_a_request_with_headers_by_hand_is_understood(bootstrap, topic, unique):
    run_block("submit_by_hand").submit_by_hand(bootstrap, unique, topic)
    record = read_one(bootstrap, topic, unique)
    event = decode_requested(record)
    assert event.data == AnalysisRequested.model_validate_json(record.value)
    assert (event.data.request_id, event.event_id, event.source) == (unique, unique, "/shop/catalogue")
    assert event.time.isoformat() == "2026-11-20T09:30:00+00:00"
    assert event.traceparent.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert record.key == unique.encode()


def test_a_consumer_of_plain_json_understands_a_completion(bootstrap, topic, unique):
    result = {"description": "Ein Hafen – 港", "price": 1.1}
    text = '{"description": "Ein Hafen – 港", "price": 1.10}'.encode()
    record = encode_completed(
        a_completion(request_id=unique, result=result),
        result_json=text,
        event_id=f"completion-of-{unique}",
        source="/media-analysis",
        time=NOW,
        topic=topic,
        key=b"\x00\xff",
        extensions={"causationid": unique},
    )
    run_block("submit").submit(bootstrap, record)
    read = run_block("await_completion").await_completion(bootstrap, unique, SECONDS, topic)
    assert (read["id"], read["key"]) == (f"completion-of-{unique}", b"\x00\xff")
    assert read["data"]["result"] == result
    assert read["data"]["usage"]["total_tokens"] == 12
    assert read["data"] == json.loads(record.value)


def test_what_the_package_writes_the_package_reads_back_from_the_broker(bootstrap, topic, unique):
    data = AnalysisRequested(request_id=unique, media=(MediaItem(kind="image", bucket="media", key="größe.jpg"),))
    written = encode_event(
        type=topics.REQUESTED,
        data=data,
        event_id=unique,
        source="/shop",
        time=NOW,
        topic=topic,
        key=None,
        subject="größe",
    )
    run_block("submit").submit(bootstrap, written)
    read = read_one(bootstrap, topic, unique)
    assert (read.key, read.value, read.headers) == (written.key, written.value, written.headers)
    assert decode_requested(read).data == data


def test_our_bytes_survive_null_and_binary_headers_on_the_way(bootstrap, topic, unique):
    completion = encode_completed(
        a_completion(), result_json=None, event_id="c", source="/m", time=NOW, topic=topic, key=None
    )
    headers = (*completion.headers, ("x", None), ("x", b"\xff"), ("x", b""))
    run_block("submit").submit(bootstrap, KafkaRecord(topic=topic, key=None, value=completion.value, headers=headers))
    read = read_one(bootstrap, topic, unique)
    assert read.headers[: len(completion.headers)] == completion.headers
    assert decode_completed(read).data == a_completion()
