"""Pure: binary, structured and plain records are read alike, and a bad one is named with all its faults."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_contracts import ContractError, KafkaRecord, decode_completed, decode_progress, decode_requested, topics

TYPE = topics.REQUESTED
DATA = {"request_id": "order-1842", "media": [{"kind": "image", "bucket": "media", "key": "a.jpg"}]}
VALUE = json.dumps(DATA).encode()
BINARY = {"ce_specversion": b"1.0", "ce_id": b"evt-1", "ce_source": b"/shop", "ce_type": TYPE.encode()}
STRUCTURED = {"specversion": "1.0", "id": "evt-1", "source": "/shop", "type": TYPE, "data": DATA}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def binary(*extra, value=VALUE, key=b"k", without=(), **changes):
    headers = {**BINARY, **{f"ce_{name}": item for name, item in changes.items()}}
    kept = [(name, item) for name, item in headers.items() if name not in without]
    return KafkaRecord(topic=TYPE, key=key, value=value, headers=(*kept, *extra))


def structured(*extra, content_type=b"application/cloudevents+json; charset=UTF-8", without=(), **changes):
    event = {name: item for name, item in {**STRUCTURED, **changes}.items() if name not in without}
    return KafkaRecord(
        topic=TYPE, key=None, value=json.dumps(event).encode(), headers=(("content-type", content_type), *extra)
    )


def plain(value=VALUE, *headers):
    return KafkaRecord(topic=TYPE, key=None, value=value, headers=headers)


def refusal(record, decode=decode_requested):
    with pytest.raises(ContractError) as caught:
        decode(record)
    return caught.value.reason, {fault.path: fault.message for fault in caught.value.faults}


def test_the_three_modes_carry_the_same_request():
    events = [decode_requested(record) for record in (binary(), structured(), plain())]
    assert [event.data for event in events] == [events[0].data] * 3
    assert [event.document for event in events] == [DATA] * 3
    assert [event.source for event in events] == ["/shop", "/shop", f"urn:kafka:{TYPE}"]
    assert [event.event_id for event in events] == ["evt-1", "evt-1", None]


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"application/json; charset=utf-8", b"APPLICATION/CloudEvents+JSON"]
)
def test_the_content_type_alone_decides_about_structured_mode(content_type):
    record = structured(content_type=content_type)
    if b"cloudevents" in content_type.lower():
        assert decode_requested(record).event_id == "evt-1"
    else:
        assert refusal(record)[0] == "invalid_request"


def test_attributes_are_read_in_both_modes():
    wanted = {
        "time": "2026-11-20T10:00:00+01:00",
        "expirytime": "2026-11-20T10:00:00.5Z",
        "subject": "s",
        "causationid": "c",
    }
    for record in (binary(**{name: text.encode() for name, text in wanted.items()}), structured(**wanted)):
        event = decode_requested(record)
        assert event.time.isoformat() == "2026-11-20T09:00:00+00:00"
        assert event.expires_at.isoformat() == "2026-11-20T10:00:00.500000+00:00"
        assert event.subject == "s"


def test_a_time_that_was_not_given_is_not_invented():
    assert decode_requested(binary()).time is None
    assert decode_requested(structured()).time is None


@pytest.mark.parametrize(
    "foreign",
    [
        ("x", None),
        ("x", b"\xff\xfe"),
        ("x", b"1"),
        ("", b""),
        ("trace", None),
        ("id", b"\xff"),
        ("ce-type", b"http style"),
    ],
)
@pytest.mark.parametrize("record", [binary, structured, lambda *extra: plain(VALUE, *extra)])
def test_foreign_headers_never_matter(record, foreign):
    assert decode_requested(record(foreign, foreign)).data.request_id == "order-1842"


@pytest.mark.parametrize("key", [None, b"", b"\xff\x00", b"k" * 1000])
def test_keys_never_matter(key):
    assert decode_requested(binary(key=key)).data.request_id == "order-1842"


@pytest.mark.parametrize("value", [None, b""])
@pytest.mark.parametrize("headers", [tuple(BINARY.items()), (), (("content-type", b"application/cloudevents+json"),)])
def test_a_tombstone_is_an_empty_record(value, headers):
    assert refusal(KafkaRecord(topic=TYPE, key=b"k", value=value, headers=headers))[0] == "empty_record"


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (binary(id=None), "ce_id"),
        (binary(id=b"\xff"), "ce_id"),
        (binary(id=b""), "ce_id"),
        (binary(("ce_id", b"evt-1")), "ce_id"),
        (binary(("CE_ID", b"evt-2")), "ce_id"),
        (binary(without=["ce_id"]), "ce_id"),
        (binary(without=["ce_source"]), "ce_source"),
        (binary(without=["ce_type"]), "ce_type"),
        (binary(without=["ce_specversion"]), "ce_specversion"),
        (binary(specversion=b"0.3"), "ce_specversion"),
        (binary(specversion=b"2.0"), "ce_specversion"),
        (binary(time=b"yesterday"), "ce_time"),
        (binary(time=b"2026-11-20T09:30:00"), "ce_time"),
        (binary(time=b"2026-11-20"), "ce_time"),
        (binary(expirytime=b"soon"), "ce_expirytime"),
        (binary(subject=b""), "ce_subject"),
        (binary(("ce_x-y", b"1")), "ce_x-y"),
        (binary(("ce_data", b"1")), "ce_data"),
        (binary(("content-type", b"\xff")), "content-type"),
        (binary(("content-type", None)), "content-type"),
        (binary(("content-type", b"application/json"), ("Content-Type", b"application/json")), "content-type"),
        (KafkaRecord(topic=TYPE, key=None, value=VALUE, headers=(("ce_id", None),)), "ce_id"),
        (structured(without=["id"]), "ce_id"),
        (structured(id=7), "ce_id"),
        (structured(id=""), "ce_id"),
        (structured(source=None), "ce_source"),
        (structured(type=["t"]), "ce_type"),
        (structured(specversion="0.3"), "ce_specversion"),
        (structured(specversion=1.0), "ce_specversion"),
        (structured(time="yesterday"), "ce_time"),
        (structured(time=1795167000), "ce_time"),
        (structured(expirytime=True), "ce_expirytime"),
        (structured(subject=5), "ce_subject"),
        (structured(data_base64="e30="), "ce_data_base64"),
        (structured(content_type=b"application/cloudevents+avro"), "content-type"),
    ],
)
def test_a_faulty_attribute_is_named(record, path):
    reason, faults = refusal(record)
    assert reason == "invalid_cloudevent"
    assert path in faults
    assert all(fault.startswith("ce_") or fault == "content-type" for fault in faults), faults


@pytest.mark.parametrize("record", [binary(type=b"com.example.other"), structured(type="com.example.other")])
def test_another_type_of_event_is_told_from_a_broken_one(record):
    reason, faults = refusal(record)
    assert reason == "unknown_event_type"
    assert "com.example.other" in faults["ce_type"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xfe\x00", "not_utf8"),
        ('{"request_id":"ä"}'.encode("latin-1"), "not_utf8"),
        (b"{", "not_json"),
        (b"request, please", "not_json"),
        (b'{"request_id":"a","request_id":"b","instruction":"x"}', "not_json"),
        (b'{"request_id":"a","instruction":"x","z":NaN}', "not_json"),
        (b'{"request_id":"a","instruction":"x","z":-Infinity}', "not_json"),
        (b'{"request_id":"a","instruction":"x","z":1e999}', "not_json"),
        (b'{"request_id":"a","instruction":"\\ud800"}', "not_json"),
        (b'{"request_id":"a","instruction":"x","z":' + b"1" * 5000 + b"}", "not_json"),
        (b"\xef\xbb\xbf" + VALUE, "not_json"),
        (b"[" * 5_000_000, "not_json"),
        (b"[" * 161 + b"]" * 161, "not_json"),
        (b"[]", "invalid_request"),
        (b'"order-1842"', "invalid_request"),
        (b'{"request_id":"a"}', "invalid_request"),
    ],
    ids=lambda value: str(value[:30]),
)
def test_bytes_that_are_no_request_are_named(value, reason):
    assert refusal(plain(value))[0] == reason
    assert refusal(binary(value=value))[0] == reason
    assert refusal(binary(("content-type", b"application/json"), value=value))[0] == reason


@pytest.mark.parametrize(
    ("value", "reason"), [(b"\xff", "not_utf8"), (b"{", "not_json"), (b"[]", "invalid_cloudevent")]
)
def test_bytes_that_are_no_structured_event_are_named(value, reason):
    record = KafkaRecord(
        topic=TYPE, key=None, value=value, headers=(("content-type", b"application/cloudevents+json"),)
    )
    assert refusal(record)[0] == reason


def test_faults_of_attributes_and_data_are_reported_together():
    value = json.dumps({**DATA, "request_id": 7, "media": [{"kind": "pic"}]}).encode()
    reason, faults = refusal(binary(("ce_source", b"/again"), time=b"yesterday", id=None, value=value))
    assert reason == "invalid_cloudevent"
    assert set(faults) == {"ce_time", "ce_id", "ce_source", "/request_id", "/media/0/kind"}


def test_data_in_base64_is_read():
    record = structured(without=["data"], data_base64=base64.b64encode(VALUE).decode())
    assert decode_requested(record).document == DATA


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"{", "not_json"), (b"\xff", "not_utf8"), (b'{"request_id":1}', "invalid_request"), (b"", "empty_record")],
)
def test_bad_data_in_base64_is_named(data, reason):
    assert refusal(structured(without=["data"], data_base64=base64.b64encode(data).decode()))[0] == reason


@pytest.mark.parametrize("data_base64", [7, "ä", "e30"])
def test_base64_that_is_none_is_a_bad_event(data_base64):
    assert refusal(structured(without=["data"], data_base64=data_base64))[0] == "invalid_cloudevent"


def test_an_event_without_data_is_empty():
    assert refusal(structured(without=["data"]))[0] == "empty_record"
    assert refusal(structured(data=None))[0] == "empty_record"


def test_null_attributes_of_a_structured_event_are_absent():
    assert decode_requested(structured(subject=None, time=None, extension=None)).subject is None


def test_headers_that_repeat_a_structured_event_are_not_looked_at():
    assert (
        decode_requested(structured(("ce_id", None), ("ce_id", b"\xff"), ("ce_time", b"yesterday"))).event_id == "evt-1"
    )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("traceparent", TRACE.encode())], (TRACE, None)),
        ([("Traceparent", TRACE.encode()), ("tracestate", b"a=1,b=2")], (TRACE, "a=1,b=2")),
        ([("traceparent", b"cc" + TRACE[2:].encode() + b"-more")], ("cc" + TRACE[2:] + "-more", None)),
        ([("traceparent", TRACE.encode())] * 2, (None, None)),
        ([("traceparent", TRACE.encode()), ("tracestate", b"a=1"), ("tracestate", b"b=2")], (TRACE, None)),
        ([("traceparent", TRACE.encode()), ("tracestate", b"\xff")], (TRACE, None)),
        ([("traceparent", None)], (None, None)),
        ([("traceparent", b"\xff")], (None, None)),
        ([("traceparent", TRACE.upper().encode())], (None, None)),
        ([("traceparent", TRACE.encode() + b"-more")], (None, None)),
        ([("traceparent", b"ff" + TRACE[2:].encode())], (None, None)),
        ([("traceparent", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01")], (None, None)),
        ([("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01")], (None, None)),
        ([("tracestate", b"a=1")], (None, None)),
    ],
)
def test_a_trace_is_continued_or_left_alone_but_never_a_fault(headers, expected):
    event = decode_requested(binary(*headers))
    assert (event.traceparent, event.tracestate) == expected


def test_unknown_fields_are_named_wherever_they_stand():
    data = {
        "priority": 1,
        **DATA,
        "media": [{**DATA["media"][0], "rotation": 90}],
        "model": {"name": "m", "reasoning": {"depth": 3}},
        "history": [{"role": "user", "text": "t", "media": [{**DATA["media"][0], "a/b~c": 1}]}],
        "labels": {"priority": "my own"},
        "output_schema": {"type": "object", "priority": 1},
    }
    event = decode_requested(binary(value=json.dumps(data).encode()))
    assert event.unknown_fields == (
        "/priority",
        "/media/0/rotation",
        "/model/reasoning/depth",
        "/history/0/media/0/a~1b~0c",
    )
    assert event.document == data


def test_limits_of_size_are_those_of_the_design():
    def faults(**changes):
        return refusal(plain(json.dumps({**DATA, **changes}).encode()))[1]

    def accepted(**changes):
        return decode_requested(plain(json.dumps({**DATA, **changes}).encode()))

    deep = {"a": 1}
    for _ in range(31):
        deep = {"a": deep}
    accepted(
        instruction="x" * 65536, request_id="x" * 128, output_schema=deep, labels={str(n): "x" * 256 for n in range(32)}
    )
    accepted(output_schema={"a": "x" * (65536 - len('{"a":""}'))}, history=[{"role": "user", "text": ""}] * 64)
    assert "65537" in faults(instruction="ä" * 32768 + "x")["/instruction"]
    assert "/instruction" in faults(instruction="x" * 65537)
    assert "/request_id" in faults(request_id="x" * 129)
    assert "nested 33 deep" in faults(output_schema={"a": deep})["/output_schema"]
    assert "65537 bytes" in faults(output_schema={"a": "x" * (65537 - len('{"a":""}'))})["/output_schema"]
    assert "/labels" in faults(labels={str(n): "" for n in range(33)})
    assert "/labels/" + "k" * 64 in faults(labels={"k" * 64: ""})
    assert "/history" in faults(history=[{"role": "user", "text": ""}] * 65)


def test_integers_beyond_2_53_are_named_wherever_they_stand():
    faults = refusal(
        plain(json.dumps({**DATA, "rerun": 2**53, "output_schema": {"a": [0, -(2**53)]}, "new": 2**64}).encode())
    )[1]
    assert set(faults) == {"/rerun", "/output_schema/a/1", "/new"}


@given(
    st.binary(max_size=200),
    st.lists(
        st.tuples(st.sampled_from([*BINARY, "content-type", "ce_time", "x"]), st.none() | st.binary(max_size=30)),
        max_size=5,
    ),
)
def test_no_record_whatsoever_raises_anything_but_a_contract_error(value, headers):
    for decode in (decode_requested, decode_completed, decode_progress):
        with pytest.raises(ContractError):
            decode(KafkaRecord(topic="t", key=None, value=value, headers=tuple(headers)))


json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*STRUCTURED, "time", "expirytime", "subject", "data_base64"]), json_documents))
def test_no_structured_event_whatsoever_raises_anything_but_a_contract_error(changes):
    event = {**STRUCTURED, **changes}
    record = KafkaRecord(
        topic="t",
        key=None,
        value=json.dumps(event).encode(),
        headers=(("content-type", b"application/cloudevents+json"),),
    )
    with suppress(ContractError):
        decode_requested(record)


@given(
    st.dictionaries(
        st.sampled_from(["request_id", "media", "model", "labels", "limits", "output_schema", "history"]),
        json_documents,
    )
)
def test_no_document_whatsoever_raises_anything_but_a_contract_error(changes):
    with suppress(ContractError):
        decode_requested(plain(json.dumps({**DATA, **changes}).encode()))
