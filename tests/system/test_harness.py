"""The harness itself, without a worker: what it publishes arrives as it is, what it hears and reads is what was said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from media_contracts import decode_requested
from media_contracts.topics import DEAD_LETTER, REQUESTED
from tests.processes import until
from tests.system.harness import Heard, open_wire
from tests.system.harness_spans import tree


async def test_a_raw_record_arrives_byte_for_byte(empty_stack, wire, unique):
    headers = [("ce_id", None), ("x", b"\xff\x00"), ("x", b"again"), ("name", unique.encode())]
    await wire.publish_raw(None, key=b"\x80key", headers=headers, topic=DEAD_LETTER)
    heard = await wire.dead_letter(lambda one: one.header("name") == unique)
    assert (heard.value, heard.key, list(heard.headers)) == (None, b"\x80key", headers)


async def test_a_request_is_published_as_its_producers_do(empty_stack, wire, unique):
    await wire.publish({"request_id": unique, "instruction": "Say hello."}, topic=DEAD_LETTER, traceparent=None)
    heard = await wire.dead_letter(lambda one: one.key == unique.encode())
    event = decode_requested(heard.record)
    assert (event.data.request_id, event.source, heard.header("ce_type")) == (unique, "/tests", REQUESTED)
    assert (datetime.now(UTC) - event.time).total_seconds() < 60


async def test_an_emptied_broker_has_nothing_of_the_test_before(empty_stack, wire, unique):
    await wire.publish_raw(b"mark", key=unique.encode(), topic=DEAD_LETTER)
    await wire.dead_letter(lambda one: one.key == unique.encode())
    assert [one.value for one in wire.heard] == [b"mark"]


async def test_a_wire_opened_later_hears_what_was_said_before(empty_stack, wire):
    for number in range(20):
        await wire.publish_raw(b"%d" % number, topic=DEAD_LETTER)
    async with open_wire(empty_stack) as later:
        await until(lambda: len(later.dead_letters()) == 20)


async def test_waiting_in_vain_says_what_was_heard(empty_stack, wire):
    await wire.publish_raw(b"x", key=b"other", topic=DEAD_LETTER)
    await wire.dead_letter(lambda one: one.key == b"other")
    with pytest.raises(AssertionError, match=r"not within 0.1 s: absent; heard 1: .*key=b'other'"):
        await wire.completion("absent", seconds=0.1)


def test_a_null_header_is_no_text():
    heard = Heard(topic="t", partition=0, offset=0, key=None, value=None, headers=(("a", b"1"), ("a", None)))
    assert heard.header("a") is None
    assert heard.header("b") is None


async def test_a_script_is_played_and_forgotten(empty_stack, simulator):
    await simulator.play({"match": {"nth": 1}, "do": {"fault": "server_error"}}, first_token_seconds=0.5)
    with pytest.raises(AssertionError, match="400"):
        await simulator.play({"do": {"fault": "no such fault"}})
    await simulator.reset()
    assert await simulator.calls() == []


def test_an_object_is_put_and_read_again(bucket, unique):
    item = bucket.upload(f"{unique}/a.json", b'{"a": 1}', content_type="application/json")
    assert item == {"bucket": "media", "key": f"{unique}/a.json"}
    assert bucket.read_json(f"{unique}/a.json", bucket="media") == {"a": 1}
    assert bucket.keys(f"{unique}/", bucket="media") == [f"{unique}/a.json"]


async def test_spans_come_back_as_a_tree_with_kinds_attributes_and_links(stack, spans, unique):
    provider = TracerProvider()
    exporter = OTLPSpanExporter(stack.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span(f"root {unique}") as root:
        root.set_attributes({"text": "x", "number": 2**53, "ratio": 0.5, "yes": True, "list": ["a", "b"], "none": []})
        with tracer.start_as_current_span("one", kind=trace.SpanKind.CLIENT):
            pass
        with tracer.start_as_current_span("two", links=[trace.Link(root.get_span_context(), {"why": "test"})]) as two:
            two.set_status(trace.StatusCode.ERROR, "it broke")
            with tracer.start_as_current_span("three"):
                pass
    provider.shutdown()
    trace_id = f"{root.get_span_context().trace_id:032x}"
    found = await spans.wait_for(trace_id, f"root {unique}", "one", "two", "three")
    assert tree(found) == [[f"root {unique}", ["one"], ["two", ["three"]]]]
    by_name = {span.name: span for span in found}
    assert by_name[f"root {unique}"].parent_span_id is None
    assert by_name[f"root {unique}"].attributes == {
        "text": "x",
        "number": 2**53,
        "ratio": 0.5,
        "yes": True,
        "list": ["a", "b"],
        "none": [],
    }
    assert (by_name["one"].kind, by_name["one"].error, by_name["two"].error) == ("client", None, "it broke")
    (link,) = by_name["two"].links
    assert (link.span_id, link.attributes) == (by_name[f"root {unique}"].span_id, {"why": "test"})
