"""What redrive puts back: a dead letter's record byte for byte, a request's with nothing but its `rerun` changed."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.dead_letter import build_dead_letter
from analysis_worker.dead_letter_format import encode_buried
from analysis_worker.errors import DeadLettered
from analysis_worker.retry_copy import delay_for, retry_copy
from analysis_worker.values import Delivered
from media_analysis.redrive_letters import Unusable, read_letter, restore
from media_analysis.redrive_rerun import with_rerun
from media_contracts import KafkaRecord, decode_requested, topics

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BYTES = st.none() | st.binary(max_size=20)
RECORDS = st.builds(
    KafkaRecord,
    topic=st.sampled_from([topics.REQUESTED, "acme.requests"]),
    key=BYTES,
    value=BYTES,
    headers=st.lists(
        st.tuples(st.sampled_from(["ce_id", "x", "traceparent", "dead-letter-format", "dead-letter-reason"]), BYTES),
        max_size=6,
    ).map(tuple),
)


def buried(record, reason="not_json"):
    delivered = Delivered(record=record, partition=2, offset=7, timestamp_ms=1_795_000_000_123)
    return build_dead_letter(delivered, DeadLettered("what is wrong", reason=reason), now=NOW, worker="w/1")


@given(record=RECORDS)
def test_a_dead_letter_gives_back_the_record_byte_for_byte(record):
    letter = read_letter(buried(record))
    assert restore(letter, None) == record
    assert (letter.reason, letter.topic, letter.at) == ("not_json", record.topic, NOW)
    assert letter.origin == f"{record.topic}[2]@7"


@given(record=RECORDS)
def test_a_record_that_was_redriven_by_other_hands_and_died_again_is_read_by_its_last_headers(record):
    again = replace(buried(record), topic=topics.REQUESTED)
    letter = read_letter(buried(again, reason="invalid_request"))
    assert letter.reason == "invalid_request"
    assert restore(letter, None) == again


def test_a_copy_that_died_in_a_retry_topic_goes_back_to_where_the_request_was_sent():
    record = KafkaRecord(topic="acme.requests", key=b"k", value=b"{}", headers=(("x", b"1"),))
    delivered = Delivered(record=record, partition=0, offset=1, timestamp_ms=0)
    copy = retry_copy(delivered, delay_for(attempt=1, wait_seconds=0, left_seconds=1e9), now=NOW)
    letter = read_letter(buried(copy))
    assert letter.topic == "acme.requests"
    assert restore(letter, None) == record


def by_reference(record, holds, stored):
    own = {
        "dead-letter-ref-holds": holds,
        "dead-letter-ref-bucket": "results",
        "dead-letter-ref-key": "dead-letter/t/2/7-x",
        "dead-letter-ref-sha256": hashlib.sha256(stored).hexdigest(),
        "dead-letter-ref-size-bytes": str(len(stored)),
    }
    letter = buried(record)
    kept = letter.headers if holds == "value" else letter.headers[len(record.headers) :]
    added = tuple((name, text.encode()) for name, text in own.items())
    return replace(letter, key=record.key if holds == "value" else None, value=None, headers=(*kept, *added))


@given(record=RECORDS)
def test_what_lies_in_the_bucket_is_put_together_again(record):
    for holds, stored in (("value", record.value or b""), ("record", encode_buried(record))):
        letter = read_letter(by_reference(record, holds, stored))
        wanted = replace(record, value=record.value or b"") if holds == "value" else record
        assert restore(letter, stored) == wanted
        assert letter.reference.key == "dead-letter/t/2/7-x"
        with pytest.raises(Unusable, match="not those that were put there"):
            restore(letter, stored + b"x")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dead-letter-format": b"2"}, "use a later release"),
        ({"dead-letter-format": None}, "format ''"),
        ({"dead-letter-offset": b"seven"}, "cannot be read"),
        ({"dead-letter-at": b"yesterday"}, "cannot be read"),
        ({"dead-letter-ref-holds": b"half"}, "use a later release"),
    ],
)
def test_a_letter_that_we_cannot_read_is_not_guessed_at(change, why):
    letter = buried(KafkaRecord(topic="t", key=None, value=b"x"))
    named = dict(letter.headers) | change
    with pytest.raises(Unusable, match=why):
        read_letter(replace(letter, headers=tuple(named.items())))


@pytest.mark.parametrize("missing", ["dead-letter-format", "dead-letter-topic", "dead-letter-at"])
def test_what_was_written_by_others_is_named_as_that(missing):
    letter = buried(KafkaRecord(topic="t", key=None, value=b"x"))
    with pytest.raises(Unusable, match=f"{missing} is missing"):
        read_letter(replace(letter, headers=tuple(each for each in letter.headers if each[0] != missing)))


BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_type", topics.REQUESTED.encode()),
    ("ce_source", b"/s"),
    ("ce_id", b"e-1"),
    ("content-type", b"application/json"),
)
STRUCTURED = (("Content-Type", b" Application/CloudEvents+json; charset=utf-8"),)
TEXTS = [
    '{"request_id":"r","instruction":"x"}',
    '{"request_id":"r","instruction":"x","rerun":4}',
    '\n{ "rerun" : 0 , "request_id":"r", "instruction" : "say \\"rerun\\": 7 {", "labels":{"rerun":"9"} }\n',
    '{"\\u0072erun":12,"request_id":"r","instruction":"é🎞"}',
    '{"labels":{"rerun":"1"},"request_id":"r","instruction":"x","rerun":\t3}',
]


def envelope(text, *, member="data", encoded=None):
    return (
        f'{{ "specversion":"1.0", "rerun":"7", "type":"{topics.REQUESTED}",\n "{member}": {encoded or text} ,'
        ' "source":"/s", "id":"e-1"}'
    )


def in_base64(text):
    return envelope(text, member="data_base64", encoded=json.dumps(base64.b64encode(text.encode()).decode()))


@pytest.mark.parametrize("rerun", [1, 5, 10**6])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("headers", "wrap"),
    [((), str), (BINARY, str), (STRUCTURED, envelope), (STRUCTURED, in_base64)],
    ids=["plain", "binary", "structured", "base64"],
)
def test_only_the_number_of_the_rerun_is_another_one(text, headers, wrap, rerun):
    record = KafkaRecord(topic="t", key=b"\xff", value=wrap(text).encode(), headers=headers)
    again = with_rerun(record, rerun)
    before, after = decode_requested(record), decode_requested(again)
    assert after.data == before.data.model_copy(update={"rerun": rerun})
    assert after.document == before.document | {"rerun": rerun}
    assert (after.source, after.event_id) == (before.source, before.event_id)
    assert replace(again, value=None) == replace(record, value=None)
    # Back to the first number it is the first record again, byte for byte, but for a number that was not there.
    if "rerun" in before.document:
        assert with_rerun(again, before.data.rerun) == record


def test_what_stands_around_the_number_is_not_touched():
    (text,) = (text for text in TEXTS if text.startswith("\n"))
    record = KafkaRecord(topic="t", key=None, value=text.encode())
    assert with_rerun(record, 1).value == text.replace('"rerun" : 0', '"rerun" : 1').encode()
    bare = KafkaRecord(topic="t", key=None, value=b' {"request_id":"r"}')
    assert with_rerun(bare, 1).value == b' {"rerun":1,"request_id":"r"}'
