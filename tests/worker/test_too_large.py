"""What is weighed, what a completion and a dead letter lose when they do not fit, and that the sums stay what they are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.abridgement import abridge, merge, strip
from analysis_worker.accounts import MOST_LISTED, listed
from analysis_worker.completion import Ending, outcome_of
from analysis_worker.dead_letter import build_dead_letter, fit
from analysis_worker.dead_letter_format import decode_buried, encode_buried
from analysis_worker.errors import DeadLettered, RequestExpired, Stopped
from analysis_worker.kafka.producer import Producer
from analysis_worker.recorder import HEADROOM_BYTES, Recorder
from analysis_worker.settings import KafkaSettings
from analysis_worker.values import Delivered, Stage
from analysis_worker.weight import weigh
from media_contracts import AnalysisCompleted, Artifact, Attempt, KafkaRecord, MediaInfo, Usage, WarningInfo
from media_contracts.topics import DEAD_LETTER
from tests.contracts.strategies import a_completion, a_usage, completions

NOW = datetime(2026, 11, 21, 1, 2, 3, 4000, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "formats" / "0.1.0" / "dead_letter_record.json"
BURIED = KafkaRecord(
    topic="r", key=b"\x80", value='{"ü":1}'.encode(), headers=(("x", None), ("x", b"\xff\x00"), ("x", b"t"))
)
WHOLE = Artifact(
    role="completion", bucket="results", key="k", sha256="ab" * 32, size_bytes=2, content_type="application/json"
)
FREE = Usage.none()
pieces = st.none() | st.binary(max_size=300)
records = st.builds(
    KafkaRecord,
    topic=st.just("t"),
    key=pieces,
    value=pieces,
    headers=st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), pieces)).map(tuple),
)


class Shelf:
    """An object store's `put`, in memory."""

    def __init__(self):
        self.objects = {}

    async def put(self, bucket, key, body, *, content_type):
        self.objects[bucket, key] = (body, content_type)


def attempt(number, outcome="provider_unreachable", **changes):
    given_ = {
        "number": number,
        "kind": "analysis",
        "model": "m",
        "outcome": outcome,
        "usage": FREE,
        "basis": "reported",
    }
    return Attempt(**(given_ | changes))


def letter_of(record, message="not JSON"):
    delivered = Delivered(record=record, partition=3, offset=7, timestamp_ms=0)
    fault = DeadLettered(message, reason="not_json")
    return build_dead_letter(delivered, fault, now=NOW, worker="w/0.1.0"), delivered


def fitted(record, max_bytes):
    shelf = Shelf()
    letter, delivered = letter_of(record)
    return asyncio.run(fit(letter, delivered, store=shelf, bucket="results", max_bytes=max_bytes)), letter, shelf


@given(record=records)
def test_a_record_is_never_weighed_too_light(record):
    taken = DefaultRecordBatchBuilder.estimate_size_in_bytes(record.key, record.value, list(record.headers))
    assert weigh(record) >= taken


def test_many_small_headers_weigh_what_their_framing_does():
    assert weigh(KafkaRecord(topic="t", key=None, value=None, headers=(("", None),) * 1000)) > 2000


def test_a_letter_that_fits_stays_as_it_is():
    done, letter, shelf = fitted(BURIED, 10_000)
    assert (done, shelf.objects) == (letter, {})


@pytest.mark.parametrize(
    ("record", "holds"),
    [
        pytest.param(KafkaRecord(topic="r", key=b"k", value=b"v" * 60_000, headers=()), "value", id="value"),
        pytest.param(
            KafkaRecord(topic="r", key=b"k", value=b"v", headers=(("x", b"h" * 60_000),)), "record", id="headers"
        ),
        pytest.param(
            KafkaRecord(topic="r", key=b"k", value=None, headers=(("x", b""),) * 6_000), "record", id="many headers"
        ),
        pytest.param(KafkaRecord(topic="r", key=b"k" * 60_000, value=b"v", headers=()), "record", id="key"),
        pytest.param(KafkaRecord(topic="r", key=b"k" * 60_000, value=None, headers=()), "record", id="key of nothing"),
    ],
)
def test_what_is_too_heavy_lies_in_the_bucket(record, holds):
    done, letter, shelf = fitted(record, 49_152)
    found = dict(done.headers)
    assert (found["dead-letter-ref-holds"].decode(), done.value) == (holds, None)
    assert weigh(done) <= 49_152
    [((bucket, key), (body, _))] = shelf.objects.items()
    assert (bucket, key) == ("results", found["dead-letter-ref-key"].decode())
    assert (body if holds == "value" else decode_buried(body)) == (record.value if holds == "value" else record)
    own = [name for name, _ in letter.headers if name.startswith("dead-letter-")]
    assert [name for name, _ in done.headers if name in own] == own


def test_the_smallest_letter_has_a_bound_whatever_came():
    record = KafkaRecord(
        topic="r" * 249,
        key=b"k" * 10**6,
        value=b"v" * 10**6,
        headers=(("traceparent", b"t" * 10**6), ("dead-letter-message", b"m" * 10**6)),
    )
    letter, delivered = letter_of(record, message="é" * 10**6)
    done = asyncio.run(fit(letter, delivered, store=Shelf(), bucket="b" * 63, max_bytes=0))
    assert weigh(done) < 8_192


def test_the_golden_record_is_read_and_written_again():
    golden = GOLDEN.read_bytes().strip()
    assert decode_buried(golden) == BURIED
    assert encode_buried(BURIED) == golden


def test_a_later_format_is_left_alone():
    with pytest.raises(Stopped, match="later release"):
        decode_buried(orjson.dumps({"format": 2}))


@given(record=records)
def test_a_buried_record_comes_back_byte_for_byte(record):
    assert decode_buried(encode_buried(record)) == record


@given(completion=completions())
def test_an_abridged_completion_is_valid_and_says_the_same_usage_and_cost(completion):
    for form in (abridge(completion, WHOLE), strip(abridge(completion, WHOLE))):
        read = AnalysisCompleted.model_validate_json(form.model_dump_json())
        assert (read.usage, read.cost, read.outcome) == (completion.usage, completion.cost, completion.outcome)
        assert (read.result, read.result_ref) == (completion.result, completion.result_ref)
        assert read.artifacts[-1] == WHOLE
        assert read.warnings[-1].code == "abridged"


def test_whatever_grew_the_last_form_is_small():
    usages = [a_usage() for _ in range(3_000)]
    grown = a_completion(
        result=None,
        outcome="failed",
        error={"code": "c", "message": "m" * 10**6, "stage": "ask", "retryable": True},
        usage=Usage.sum(usages),
        attempts=tuple(attempt(number, "provider_throttled", usage=usage) for number, usage in enumerate(usages, 1)),
        warnings=tuple(WarningInfo(code="unknown_field", path="/" + "x" * 30_000, message="m") for _ in range(32)),
        media=tuple(MediaInfo(index=index, kind="image", key="k" * 1000) for index in range(500)),
        labels={f"label-{index}": "\x01" * 256 for index in range(32)},
    )
    assert len(grown.model_dump_json()) > 2 * 10**6
    assert len(strip(abridge(grown, WHOLE)).model_dump_json()) < 8_192


def test_attempts_are_merged_by_model_and_kind():
    several = [
        attempt(1, "stream_cut", usage=a_usage(10, 1), cost={"amount": "0.1", "currency": "CNY"}),
        attempt(2, "succeeded", usage=a_usage(10, 2), cost={"amount": "0.2", "currency": "CNY"}, basis="estimated"),
        attempt(3, "succeeded", model="other", usage=a_usage(5, 5)),
    ]
    first, other = merge(several)
    assert (first.number, first.outcome, first.basis, first.cost.amount) == (1, "mixed", "mixed", "0.3")
    assert (first.usage.calls, first.usage.total_tokens) == (2, 23)
    assert other == several[2]


def test_a_day_without_a_connection_is_one_entry():
    tries = [attempt(number) for number in range(1, 2_901)]
    answered = attempt(2_901, "succeeded", usage=a_usage())
    kept = listed([*tries, answered])
    assert [(one.number, one.outcome, one.usage.calls) for one in kept] == [
        (1, "provider_unreachable", 0),
        (2_901, "succeeded", 1),
    ]
    assert Usage.sum(one.usage for one in kept) == answered.usage


@pytest.mark.parametrize(
    ("calls", "outcome"), [pytest.param(0, "rejected", id="no connection"), pytest.param(1, "failed", id="a call")]
)
def test_connections_that_were_never_made_do_not_turn_a_rejection_into_a_failure(calls, outcome):
    tried = (attempt(1), attempt(2, usage=FREE.model_copy(update={"calls": calls})))
    ending = Ending(attempts=tried, cost=None, fault=RequestExpired("late"), stage=Stage.PLAN, trace_id=None)
    assert outcome_of(ending) == outcome


def test_refused_calls_are_listed_one_by_one_until_they_are_many():
    refused = Usage.none().model_copy(update={"calls": 1})
    few = [attempt(number, "provider_throttled", usage=refused) for number in range(1, MOST_LISTED + 1)]
    assert listed(few) == tuple(few)
    [one] = listed([*few, attempt(99, "provider_throttled", usage=refused)])
    assert one.usage.calls == MOST_LISTED + 1


def test_estimated_calls_are_never_merged_into_the_list():
    abandoned = a_usage(estimated={"calls": 1, "input_tokens": 10, "output_tokens": 2})
    several = [attempt(number, "abandoned", usage=abandoned, basis="estimated") for number in range(1, 100)]
    assert listed(several) == tuple(several)


def test_a_topic_takes_the_setting_until_the_broker_says_less():
    producer = Producer(KafkaSettings(max_message_bytes=100_000))
    recorder = Recorder(ledger=None, store=None, bucket="results", event_source="/m", topic_bytes=producer.topic_bytes)
    assert recorder.limit_bytes(DEAD_LETTER) == 100_000 - HEADROOM_BYTES
