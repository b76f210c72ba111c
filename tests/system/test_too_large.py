"""A topic with `max.message.bytes` of 64 KiB: what does not fit arrives by reference, and offsets go on.

Tansu tells the limit and does not enforce it (Apache Kafka does), so the tests weigh what arrives themselves.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json

import orjson
import pytest
import pytest_asyncio

from analysis_devstack.topics import contract_topics
from analysis_worker.dead_letter_format import decode_buried
from analysis_worker.weight import weigh
from media_contracts import KafkaRecord, decode_completed
from media_contracts.topics import COMPLETED, DEAD_LETTER, REQUESTED
from tests.processes import until
from tests.system.harness_offsets import open_committed

LIMIT_BYTES = 65_536
EVENT = {"ce_specversion": "1.0", "ce_type": REQUESTED, "ce_source": "/tests", "content-type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(start_a_stack, tmp_path_factory):
    """A stack of this module's own, whose topics for completions and dead letters take 64 KiB."""
    small = {"max.message.bytes": str(LIMIT_BYTES)}
    topics = [
        dataclasses.replace(spec, configuration={**spec.configuration, **small})
        if spec.name in {COMPLETED, DEAD_LETTER}
        else spec
        for spec in contract_topics()
    ]
    async with start_a_stack(tmp_path_factory.mktemp("small"), topics=topics) as running:
        yield running


@pytest_asyncio.fixture
async def offsets_go_on(shared_worker, stack):
    """A function: wait until the offset behind a record is committed."""
    async with open_committed(stack) as committed:

        async def wait(sent):
            async def is_committed():
                return (await committed.of(shared_worker.group_id)).get(sent.partition, 0) > sent.offset

            await until(is_committed, what=f"a commit behind {sent}")

        yield wait


def headers_of(**changes):
    named = EVENT | changes
    return [(name, value if isinstance(value, bytes) else value.encode()) for name, value in named.items()]


def request_of(unique, **fields):
    request = {"request_id": unique, "instruction": f"Say {unique}.", "output_schema": {"type": "object"}}
    return json.dumps(request | fields).encode()


def is_unpublishable(letter):
    return letter.header("dead-letter-reason") == "completion_too_large"


def read_reference(bucket, reference):
    stored = bucket.read(reference.key, bucket=reference.bucket)
    assert (hashlib.sha256(stored).hexdigest(), len(stored)) == (reference.sha256, reference.size_bytes)
    return stored


def read_buried(bucket, letter):
    assert letter.value is None
    stored = bucket.read(letter.header("dead-letter-ref-key"), bucket=letter.header("dead-letter-ref-bucket"))
    assert hashlib.sha256(stored).hexdigest() == letter.header("dead-letter-ref-sha256")
    assert len(stored) == int(letter.header("dead-letter-ref-size-bytes"))
    return stored


async def test_a_large_result_is_behind_its_reference(shared_worker, wire, simulator, bucket, offsets_go_on, unique):
    text = json.dumps({"words": "word " * 50_000})
    await simulator.play({"match": {"contains": unique}, "do": {"text": text}}, chunk_characters=65_536)
    value = request_of(unique, model={"max_output_tokens": 65_536})
    sent = await wire.publish_raw(value, key=unique.encode(), headers=headers_of(ce_id=unique))
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.data.result, completion.data.artifacts) == ("succeeded", None, ())
    assert read_reference(bucket, completion.data.result_ref).decode() == text
    assert completion.data.result_ref.key.startswith("default/")
    assert weigh(completion.heard.record) <= LIMIT_BYTES
    await offsets_go_on(sent)


async def test_a_large_poison_record_is_a_dead_letter_with_its_value_behind_a_reference(
    shared_worker, wire, bucket, offsets_go_on, unique
):
    poison = b"\xff" * 1_000_000
    sent = await wire.publish_raw(poison, key=unique.encode(), headers=[("x-team", None)])
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    assert (letter.header("dead-letter-reason"), letter.header("dead-letter-ref-holds")) == ("not_utf8", "value")
    assert letter.headers[0] == ("x-team", None)
    assert read_buried(bucket, letter) == poison
    await offsets_go_on(sent)


async def test_a_dead_letter_with_large_headers_is_behind_a_reference_as_a_whole(
    shared_worker, wire, bucket, offsets_go_on, unique
):
    trace = f"00-{'a' * 32}-{'b' * 16}-01".encode()
    given = [("x-unique", unique.encode()), ("x-large", b"\x80" * 900_000), ("x-null", None), ("traceparent", trace)]
    sent = await wire.publish_raw(b"no request", key=b"k" * 70_000, headers=given)
    at = (str(sent.partition), str(sent.offset))
    letter = await wire.dead_letter(
        lambda one: (one.header("dead-letter-partition"), one.header("dead-letter-offset")) == at
    )
    assert (letter.header("dead-letter-reason"), letter.header("dead-letter-ref-holds")) == ("not_json", "record")
    assert (letter.key, letter.headers[0]) == (None, ("traceparent", trace))
    assert weigh(letter.record) < 8_192
    original = KafkaRecord(topic=REQUESTED, key=b"k" * 70_000, value=b"no request", headers=tuple(given))
    assert decode_buried(read_buried(bucket, letter)) == original
    await offsets_go_on(sent)


async def test_a_good_request_with_large_headers_just_completes(shared_worker, wire, offsets_go_on, unique):
    headers = [*headers_of(ce_id=unique), ("x-large", b"h" * 900_000)]
    sent = await wire.publish_raw(request_of(unique), key=unique.encode(), headers=headers)
    assert (await wire.completion(unique)).data.outcome == "succeeded"
    await offsets_go_on(sent)


async def test_a_large_key_and_event_id_are_left_out_and_are_in_the_artifact(
    shared_worker, wire, bucket, offsets_go_on, unique
):
    event_id, labels = f"{unique}-{'i' * 100_000}", {f"label-{index}": "é" * 256 for index in range(32)}
    sent = await wire.publish_raw(
        request_of(unique, labels=labels), key=b"k" * 100_000, headers=headers_of(ce_id=event_id)
    )
    completion = await wire.completion(unique)
    data = completion.data
    assert (data.outcome, completion.heard.key, data.request.event_id) == ("succeeded", unique.encode(), None)
    assert [warning.code for warning in data.warnings] == ["abridged"]
    assert data.usage.calls == sum(attempt.usage.calls for attempt in data.attempts) == 1
    assert weigh(completion.heard.record) <= LIMIT_BYTES
    [artifact] = data.artifacts
    whole = orjson.loads(read_reference(bucket, artifact))
    assert (artifact.role, whole["request"]["event_id"], whole["labels"]) == ("completion", event_id, labels)
    await offsets_go_on(sent)


async def test_a_completion_that_fits_in_no_form_ends_as_a_dead_letter_and_is_paid_once(
    shared_worker, wire, simulator, bucket, offsets_go_on, unique
):
    headers = headers_of(ce_id=unique, ce_source="/s" * 50_000)
    for count in (1, 2):
        sent = await wire.publish_raw(request_of(unique), key=unique.encode(), headers=headers)
        await until(
            lambda count=count: len(wire.dead_letters(is_unpublishable)) == count,
            what=f"{count} dead letters",
        )
        await offsets_go_on(sent)
    letter = wire.dead_letters(is_unpublishable)[0]
    assert letter.header("dead-letter-ref-holds") == "record"
    buried = decode_buried(read_buried(bucket, letter))
    assert (buried.value, buried.headers) == (request_of(unique), tuple(headers))
    assert len(await simulator.calls_with(unique)) == 1
    assert any(line.get("event") == "record_too_large" for line in shared_worker.log_lines())


@pytest.fixture(autouse=True)
def _nothing_was_heavier(request):
    """Whatever arrived in these topics would have been taken by a broker that enforces the limit."""
    yield
    wire = request.node.funcargs["wire"]
    heavy = [one for one in wire.heard if one.topic in {COMPLETED, DEAD_LETTER} and weigh(one.record) > LIMIT_BYTES]
    assert heavy == []
    assert all(decode_completed(one.record) for one in wire.heard if one.topic == COMPLETED)


async def test_a_record_with_nothing_but_headers_is_a_dead_letter_just_so(shared_worker, wire, offsets_go_on, unique):
    """aiokafka's send() refuses a record with neither key nor value; Kafka and other clients do not."""
    sent = await wire.publish_bare([("x-unique", unique.encode())], partition=4)
    letter = await wire.dead_letter(lambda one: one.header("x-unique") == unique)
    assert (letter.key, letter.value, letter.header("dead-letter-reason")) == (None, None, "empty_record")
    await offsets_go_on(sent)
