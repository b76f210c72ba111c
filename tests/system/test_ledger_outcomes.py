"""Every outcome lies in the ledger with the request's own bytes and headers, whichever way the request came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from analysis_worker.ledger_format import decode_answer
from media_contracts import KafkaRecord
from media_contracts import headers as names
from media_contracts.topics import REQUESTED, RETRY_TOPICS

TRACE = {"traceparent", "tracestate"}
STRANGE = (("x", None), ("x", b"\xff\x00"), ("x", b"again"), ("", b""), ("note", "é".encode()))


def bytes_of(**request):
    """JSON as no serialiser of ours would write it."""
    return json.dumps(request, indent=3, separators=(" ,", " : ")).encode()


def untraced(record):
    return tuple((name, value) for name, value in record.headers if name not in TRACE)


async def recorded(wire, bucket, request_id):
    """The completion as it was heard, and the answer that the ledger holds."""
    completion = await wire.completion(request_id)
    key = f"ledger/{completion.data.tenant}/{completion.event.event_id}/answer.json"
    return completion, decode_answer(bucket.read(key), where=key)


CASES = [
    pytest.param("succeeded", None, {"instruction": "Say {id}."}, {}, id="succeeded"),
    pytest.param(
        "rejected",
        "media_missing",
        {"media": [{"kind": "image", "bucket": "media", "key": "no/{id}.jpg"}]},
        {},
        id="rejected",
    ),
    pytest.param(
        "rejected",
        "deadline_exceeded",
        {"instruction": "Say {id}.", "limits": {"deadline": "2026-01-01T00:00:00Z"}},
        {},
        id="expired",
    ),
    pytest.param(
        "failed", "content_filtered", {"instruction": "Say {id}."}, {"fault": "content_filtered"}, id="failed"
    ),
]


def filled(value, unique):
    return json.loads(json.dumps(value).replace("{id}", unique))


@pytest.mark.parametrize(("outcome", "code", "request_", "does"), CASES)
async def test_an_outcome_is_recorded_with_the_bytes_and_headers_of_its_request(
    shared_worker, wire, simulator, bucket, unique, outcome, code, request_, does
):
    if does:
        await simulator.play({"match": {"contains": unique}, "do": does})
    value = bytes_of(request_id=unique, **filled(request_, unique))
    await wire.publish_raw(value, key=b"\xfe", headers=STRANGE)
    completion, answer = await recorded(wire, bucket, unique)
    assert (completion.data.outcome, completion.error_code) == (outcome, code)
    assert answer.outcome == outcome
    assert answer.request == KafkaRecord(topic=REQUESTED, key=b"\xfe", value=value, headers=STRANGE)
    heard = completion.heard.record
    assert (answer.completion.topic, answer.completion.key, answer.completion.value) == (
        heard.topic,
        heard.key,
        heard.value,
    )
    assert untraced(answer.completion) == untraced(heard)


async def test_a_request_that_came_by_a_retry_topic_is_recorded_as_it_was_first_sent(
    shared_worker, wire, bucket, unique
):
    value = bytes_of(request_id=unique, instruction=f"Say {unique}.")
    now = datetime.now(UTC)
    own = (
        (names.RETRY_FORMAT, names.RETRY_FORMAT_VERSION.encode()),
        (names.RETRY_ATTEMPT, b"2"),
        (names.RETRY_NOT_BEFORE, now.isoformat().encode()),
        (names.RETRY_FIRST_TIMESTAMP, (now - timedelta(minutes=5)).isoformat().encode()),
        (names.RETRY_TOPIC, REQUESTED.encode()),
    )
    topic = RETRY_TOPICS[0][0]
    await wire.publish_raw(value, key=b"k", headers=(*STRANGE, *own), topic=topic)
    completion, answer = await recorded(wire, bucket, unique)
    assert completion.data.outcome == "succeeded"
    assert answer.request == KafkaRecord(topic=REQUESTED, key=b"k", value=value, headers=STRANGE)
    # The same request once more by its own topic is the same identity, so it is a replay.
    await wire.publish_raw(value, key=b"k", headers=STRANGE)
    again = await wire.completion(unique, count=2)
    assert again.heard.value == completion.heard.value
    assert untraced(again.heard) == untraced(completion.heard)
