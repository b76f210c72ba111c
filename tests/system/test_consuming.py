"""What the broker hands over is read whatever it is packed in, and what was finished is not done again."""

from __future__ import annotations

import json

import pytest
from aiokafka import AIOKafkaProducer

from media_contracts.topics import REQUESTED


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_request_is_read_whatever_codec_its_producer_uses(stack, shared_worker, wire, unique, codec):
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"], compression_type=codec, enable_idempotence=False
    )
    await producer.start()
    try:
        value = json.dumps({"request_id": unique, "instruction": f"Say {unique}."}).encode()
        await producer.send_and_wait(REQUESTED, value=value, headers=[("content-type", b"application/json")])
    finally:
        await producer.stop()
    completion = await wire.completion(unique)
    assert completion.data.outcome == "succeeded"
