"""Pure: what is written is read back as it was, and an answer's JSON text is not touched."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from media_contracts import (
    Attempt,
    ContractError,
    Usage,
    decode_completed,
    decode_progress,
    decode_requested,
    encode_completed,
    encode_event,
    format_instant,
    topics,
)
from media_contracts.instants import to_milliseconds
from tests.contracts.strategies import (
    NOW,
    a_completion,
    a_request,
    completions,
    instants,
    json_values,
    names,
    optional,
    progress_reports,
    requests,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DECODERS = {topics.REQUESTED: decode_requested, topics.COMPLETED: decode_completed, topics.PROGRESS: decode_progress}


def write(data, event_type=topics.REQUESTED, **changes):
    given = {
        "type": event_type,
        "data": data,
        "event_id": "evt-1",
        "source": "/shop",
        "time": NOW,
        "topic": event_type,
        "key": None,
    }
    return encode_event(**{**given, **changes})


@given(
    st.one_of(
        requests.map(lambda data: (topics.REQUESTED, data)),
        completions().map(lambda data: (topics.COMPLETED, data)),
        progress_reports.map(lambda data: (topics.PROGRESS, data)),
    ),
    st.fixed_dictionaries(
        {
            "event_id": names,
            "source": names,
            "time": instants,
            "key": optional(st.binary(max_size=9)),
            "subject": optional(names),
            "traceparent": optional(st.just(TRACE)),
        }
    ),
)
def test_decode_after_encode_is_identity(typed, around):
    event_type, data = typed
    record = write(data, event_type, **around)
    event = DECODERS[event_type](record)
    assert event.data == data
    for name in ("event_id", "source", "subject", "traceparent"):
        assert getattr(event, name) == around[name]
    assert event.time == to_milliseconds(around["time"])
    assert (record.topic, record.key, event.unknown_fields) == (event_type, around["key"], ())


@given(json_values, st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", " :\t")]), st.booleans())
def test_an_answer_is_passed_on_byte_for_byte(result, separators, ascii_only):
    data = a_completion(result=result)
    text = json.dumps(result, separators=separators, ensure_ascii=ascii_only).encode()
    record = encode_completed(data, result_json=text, event_id="c", source="/media-analysis", time=NOW, key=None)
    assert record.value.endswith(b'"result":' + text + b"}")
    assert decode_completed(record).data == data


def test_a_number_keeps_its_digits():
    record = encode_completed(
        a_completion(result={"price": 1.1}),
        result_json=b'{ "price" : 1.10 }',
        event_id="c",
        source="/m",
        time=NOW,
        key=b"k",
    )
    assert b'"result":{ "price" : 1.10 }}' in record.value


def test_without_a_text_the_parsed_result_is_written():
    record = encode_completed(a_completion(result=[1]), result_json=None, event_id="c", source="/m", time=NOW, key=None)
    assert json.loads(record.value)["result"] == [1]


def test_a_result_of_null_is_a_result():
    record = encode_completed(
        a_completion(result=None), result_json=b"null", event_id="c", source="/m", time=NOW, key=None
    )
    assert decode_completed(record).data.result is None


@pytest.mark.parametrize(
    ("result", "text", "error", "message"),
    [
        ({"a": 1}, b'{"a": 2}', ValueError, "another document"),
        ({"a": 2}, b'{"a": 1, "a": 2}', ContractError, "duplicate key"),
        ({"a": 1}, b'{"a": 1}, "x": {"a": 1}', ContractError, "not_json"),
        ({"a": 1}, b"", ContractError, "not_json"),
        ([2**53], b"[9007199254740992]", ContractError, "/result/0: an integer beyond"),
        ([2**53], None, ContractError, "/result/0: an integer beyond"),
    ],
)
def test_a_text_that_is_not_the_result_is_refused(result, text, error, message):
    with pytest.raises(error, match=message):
        encode_completed(a_completion(result=result), result_json=text, event_id="c", source="/m", time=NOW, key=None)


def test_times_are_written_with_milliseconds_and_z():
    for microsecond in (0, 123456):
        record = write(a_request(), time=NOW.replace(microsecond=microsecond))
        assert dict(record.headers)["ce_time"].decode() == format_instant(NOW.replace(microsecond=microsecond))
    with pytest.raises(ValueError, match="aware"):
        write(a_request(), time=datetime(2026, 11, 20))  # noqa: DTZ001  the case under test


def test_the_sdk_alone_reads_what_we_write():
    record = write(a_request(), subject="s", extensions={"expirytime": "2026-11-20T10:00:00Z", "causationid": "c"})
    event = from_binary(KafkaMessage(dict(record.headers), None, record.value), JSONFormat())
    assert event.get_data() == json.loads(record.value)
    assert (event.get_type(), event.get_time()) == (topics.REQUESTED, datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    assert (event.get_extension("causationid"), event.get_datacontenttype()) == ("c", "application/json")


def test_a_request_is_written_without_what_is_default_anyway():
    assert json.loads(write(a_request()).value) == {
        "request_id": "order-1842",
        "media": [{"kind": "image", "bucket": "media", "key": "a.jpg"}],
    }


def test_a_completion_is_written_with_every_field():
    written = json.loads(write(a_completion(), topics.COMPLETED).value)
    assert set(written) == set(type(a_completion()).model_fields)


def test_expiry_travels_as_the_cloudevents_extension():
    record = write(a_request(), extensions={"expirytime": "2026-11-20T11:00:00+01:00"})
    assert decode_requested(record).expires_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes", [{"event_id": ""}, {"source": ""}, {"subject": ""}, {"extensions": {"Bad-Name": "x"}}]
)
def test_an_event_that_no_reader_would_take_is_not_written(changes):
    with pytest.raises(CloudEventValidationError):
        write(a_request(), **changes)


def test_a_traceback_of_a_value_does_not_show_what_was_put_in():
    with pytest.raises(ValueError, match="request_id") as caught:
        a_completion(request_id="é the subject is secret")
    assert "secret" not in str(caught.value)


def test_the_reason_of_an_attempt_is_written_only_where_there_is_one():
    first = Attempt(number=1, kind="analysis", model="m", outcome="succeeded", usage=Usage.none(), basis="reported")
    again = first.model_copy(update={"reason": "faults"})
    assert "reason" not in first.model_dump(mode="json")
    assert again.model_dump(mode="json")["reason"] == "faults"
    assert [Attempt.model_validate_json(one.model_dump_json()) for one in (first, again)] == [first, again]
