"""Bad input, named: for each a completion or a dead letter with a stable code, and the next good record completes.

The good record lies right behind the bad one on the same partition, so that both may come in one fetch. What needs a
worker of its own (no key, a wrong key) is in test_no_model.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from PIL import Image

from media_contracts.topics import REQUESTED
from tests.processes import until

EVENT = {"ce_specversion": "1.0", "ce_type": REQUESTED, "ce_source": "/tests", "content-type": "application/json"}


def headers_of(unique, **changes):
    """The headers of a good request; a change is text, bytes or None."""
    named = EVENT | {"ce_id": unique} | changes
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in named.items()]


def request_of(unique, **fields):
    return json.dumps({"request_id": unique, "instruction": f"Say {unique}."} | fields).encode()


@pytest_asyncio.fixture
async def send(shared_worker, wire, unique):
    """A function: publish a record, and right behind it a good one, which must complete and be nobody's victim."""
    followers = []

    async def publish(value, *, partition, headers=None, key=None):
        name = f"{unique[::-1]}-{len(followers)}"  # without `unique`, by which tests find their own calls
        followers.append(name)
        headers = headers if headers is not None else headers_of(unique)
        sent = await wire.publish_raw(value, key=key or unique.encode(), headers=headers, partition=partition)
        next_one = await wire.publish_raw(
            request_of(name), key=name.encode(), headers=headers_of(name), partition=partition
        )
        assert (next_one.partition, next_one.offset) == (sent.partition, sent.offset + 1)
        return sent

    yield publish
    for name in followers:
        assert (await wire.completion(name)).data.outcome == "succeeded"
    assert shared_worker.exit_code is None


FOREIGN = {
    "a null header": [("x-team", None)],
    "a binary header": [("x-blob", b"\xff\xfe\x00\x80")],
    "a repeated header": [("x-team", b"one"), ("x-team", b"two")],
    "a header without a name": [("", b"one")],
    "a trace that is none": [("traceparent", b"\xff\x00")],
}


@pytest.mark.parametrize("added", FOREIGN.values(), ids=FOREIGN)
async def test_foreign_headers_are_nobodys_business(send, wire, unique, added):
    await send(request_of(unique), headers=[*headers_of(unique), *added], partition=0)
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.heard.key) == ("succeeded", unique.encode())


async def test_a_binary_key_comes_back_as_it_was(send, wire, unique):
    key = b"\x80\x00\xff" + unique.encode()
    await send(request_of(unique), key=key, partition=0)
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.heard.key) == ("succeeded", key)


GOOD = object()  # stands for the value of a good request
NO_REQUEST = {
    "a tombstone": (None, {}, [], "empty_record"),
    "an empty value": (b"", {}, [], "empty_record"),
    "a null ce_ header": (GOOD, {"ce_source": None}, [], "invalid_cloudevent"),
    "a binary ce_ header": (GOOD, {"ce_source": b"\xff\xfe"}, [], "invalid_cloudevent"),
    "a repeated ce_ header": (GOOD, {}, [("ce_id", b"another")], "invalid_cloudevent"),
    "ce_time: yesterday": (GOOD, {"ce_time": "yesterday"}, [], "invalid_cloudevent"),
    "bad JSON under application/json": (b'{"request_id": ', {}, [], "not_json"),
    "not UTF-8": (b'{"request_id": "\xff\xfe"}', {}, [], "not_utf8"),
    "wrong types": (b'{"request_id": 7, "media": "photo.jpg"}', {}, [], "invalid_request"),
    "an unknown event type": (GOOD, {"ce_type": "media.analysis.something.v1"}, [], "unknown_event_type"),
}


async def assert_buried(wire, unique, sent, *, key, headers, reason):
    """One dead letter with key, headers in their order, coordinates and reason, and no completion; returns it."""
    letter = await wire.dead_letter(lambda one: one.key == key)
    assert letter.header("dead-letter-reason") == reason
    assert list(letter.headers[: len(headers)]) == headers
    assert (letter.header("dead-letter-topic"), letter.header("dead-letter-partition")) == (
        REQUESTED,
        str(sent.partition),
    )
    assert letter.header("dead-letter-offset") == str(sent.offset)
    assert letter.header("dead-letter-message")
    assert wire.completions(unique) == []
    return letter


@pytest.mark.parametrize(("value", "changes", "added", "reason"), NO_REQUEST.values(), ids=NO_REQUEST)
async def test_what_is_no_request_is_a_dead_letter_with_its_bytes(send, wire, unique, value, changes, added, reason):
    value = request_of(unique) if value is GOOD else value
    headers = [*headers_of(unique, **changes), *added, ("x-team", None), ("x-blob", b"\xff"), ("x-team", b"two")]
    key = b"\x80\x00\xff" + unique.encode()
    sent = await send(value, key=key, headers=headers, partition=1)
    letter = await assert_buried(wire, unique, sent, key=key, headers=headers, reason=reason)
    assert letter.value == value


@pytest.mark.embedded_only("Apache Kafka refuses a record above its topic's max.message.bytes; test_too_large has both")
async def test_a_record_of_two_megabytes_is_a_dead_letter_by_reference(send, wire, bucket, unique):
    value, headers = request_of(unique, instruction="x" * 2_000_000), [*headers_of(unique), ("x-team", None)]
    sent = await send(value, headers=headers, partition=2)
    letter = await assert_buried(wire, unique, sent, key=unique.encode(), headers=headers, reason="invalid_request")
    assert (letter.value, letter.header("dead-letter-ref-bucket")) == (None, bucket.results)
    stored = bucket.read(letter.header("dead-letter-ref-key"), bucket=letter.header("dead-letter-ref-bucket"))
    assert stored == value
    assert hashlib.sha256(stored).hexdigest() == letter.header("dead-letter-ref-sha256")
    assert int(letter.header("dead-letter-ref-size-bytes")) == len(value)


def png_header(width, height):
    """A PNG that claims a size and has hardly a pixel."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def cut_photograph():
    """The beginning of a JPEG, without the marker that says its size."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 120, 200)).save(data, "JPEG")
    return data.getvalue()[:40]


def stored(data, name="photo.jpg"):
    """What puts `data` into the bucket and names it in a request."""

    def media(bucket, unique):
        return {"media": [{"kind": "image", **bucket.upload(f"bad/{unique}/{name}", data)}]}

    return media


def said(**fields):
    return lambda _bucket, _unique: fields


def image_at(bucket, key):
    return said(media=[{"kind": "image", "bucket": bucket, "key": key}])


REJECTED = {
    "a missing object": (image_at("media", "bad/nothing.jpg"), "media_missing"),
    "a forbidden bucket": (image_at("results", "x.jpg"), "media_forbidden"),
    "a bucket that does not exist": (image_at("no-such-bucket", "x.jpg"), "media_forbidden"),
    "a key with a dot segment": (image_at("media", "a/../../results/x"), "media_forbidden"),
    "a URL where none is allowed": (said(media=[{"kind": "image", "url": "http://127.0.0.1/x"}]), "media_forbidden"),
    "an empty object": (stored(b""), "media_empty"),
    "a text file called photo.jpg": (stored(b"this is a text, not a picture\n" * 50), "media_undecodable"),
    "a picture that was cut off": (stored(cut_photograph()), "media_undecodable"),
    "a header of 30,000 x 30,000": (stored(png_header(30_000, 30_000), "huge.png"), "media_dimensions"),
    "an unknown profile": (said(profile="nobody-wrote-it"), "profile_unknown"),
    "an unknown model": (said(model={"name": "gpt-0"}), "model_unknown"),
    "an output schema that is none": (said(output_schema={"type": "no such type"}), "schema_invalid"),
    "an expired deadline": (said(limits={"deadline": "2020-01-01T00:00:00Z"}), "deadline_exceeded"),
    "a feature that the model lacks": (
        said(model={"name": "qwen-omni-turbo", "search": True}),
        "feature_unsupported",
    ),
    "a budget in another currency": (
        said(limits={"max_cost": {"amount": "1", "currency": "USD"}}),
        "currency_mismatch",
    ),
}


async def assert_rejected(wire, simulator, unique, code):
    """Exactly one completion, rejected in the plan, with no call made, nothing owed, and no dead letter."""
    completion = await wire.completion(unique)
    data = completion.data
    assert (data.outcome, data.error.code, data.error.stage) == ("rejected", code, "plan")
    assert data.error.message
    assert (data.attempts, data.usage.calls, data.usage.total_tokens, data.cost) == ((), 0, 0, None)
    assert await simulator.calls_with(unique) == []
    assert completion.heard.key == unique.encode()
    assert len(wire.completions(unique)) == 1
    assert wire.dead_letters(lambda one: one.key == unique.encode()) == []


@pytest.mark.parametrize(("fields", "code"), REJECTED.values(), ids=REJECTED)
async def test_what_cannot_be_asked_is_rejected_by_name(send, wire, bucket, simulator, unique, fields, code):
    await send(request_of(unique, **fields(bucket, unique)), partition=3)
    await assert_rejected(wire, simulator, unique, code)


async def test_an_event_past_its_expirytime_is_rejected_by_name(send, wire, simulator, unique):
    headers = headers_of(unique, ce_expirytime="2020-01-01T00:00:00Z")
    await send(request_of(unique), headers=headers, partition=3)
    await assert_rejected(wire, simulator, unique, "deadline_exceeded")


def in_seconds(seconds):
    return {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


async def test_a_provider_silent_for_longer_than_the_deadline_is_a_named_failure(send, wire, simulator, unique):
    await simulator.play({"match": {"contains": unique}, "do": {"fault": "hold"}})
    await send(request_of(unique, limits=in_seconds(2)), partition=4)
    data = (await wire.completion(unique)).data
    assert (data.outcome, data.error.code, data.error.stage) == ("failed", "deadline_exceeded", "ask")
    # What a call that was cut off has cost is not known: it counts, as estimated.
    assert [(attempt.outcome, attempt.basis) for attempt in data.attempts] == [("cancelled", "estimated")]
    assert data.usage.estimated.input_tokens == data.usage.input_tokens == data.estimate.input_tokens > 0
    assert len(await simulator.calls_with(unique)) == 1


@pytest_asyncio.fixture
async def provider_down(shared_worker, stack):
    """No provider; the function that is given starts it again on its port."""
    await stack.stop("simulator")

    async def come_back():
        if stack.exit_code("simulator") is not None:
            await stack.start("simulator")

    yield come_back
    await come_back()


async def test_a_provider_down_for_longer_than_the_deadline_is_a_named_failure(send, provider_down, wire, unique):
    await send(request_of(unique, limits=in_seconds(2)), partition=5)
    data = (await wire.completion(unique)).data
    assert (data.outcome, data.error.stage, data.error.retryable) == ("failed", "ask", True)
    # Whether the last pause would pass the deadline or the last connection did is a matter of milliseconds.
    assert data.error.code in {"provider_unreachable", "deadline_exceeded"}
    assert (data.attempts, data.usage.calls) == ((), 0)  # nothing was sent: no attempt, and a known zero
    await provider_down()  # the record behind it has time: it was kept, and now completes (`send`)


async def test_bad_records_are_committed_like_good_ones(send, shared_worker, stack, unique):
    await send(None, partition=6)
    await send(b"{", partition=6)
    sent = await send(request_of(unique, profile="nobody-wrote-it"), partition=6)
    partition = TopicPartition(REQUESTED, 6)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])

    async def committed():
        found = await admin.list_consumer_group_offsets(shared_worker.group_id, partitions=[partition])
        return found[partition].offset == sent.offset + 2  # past the good record that follows

    await admin.start()
    try:
        await until(committed)
    finally:
        await admin.close()
