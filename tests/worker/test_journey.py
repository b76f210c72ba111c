"""Spans name what went wrong by code or class; messages, which may quote an answer, stay out of them."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from analysis_worker.errors import RecordTooLarge
from analysis_worker.journey import Journey
from analysis_worker.publish import publish_completion
from analysis_worker.values import Delivered
from media_contracts import KafkaRecord

ANSWER = "the subject is secret"
RECORD = KafkaRecord(topic="t", key=b"k", value=b"{}", headers=())


class Refusing:
    """A producer whose topic takes nothing."""

    async def send(self, record):
        raise RecordTooLarge(ANSWER)


@pytest.fixture(scope="module")
def exporter():
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(shutdown_on_exit=False)
        trace.set_tracer_provider(provider)
    kept = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return kept


def only(exporter, name):
    [span] = [span for span in exporter.get_finished_spans() if span.name == name]
    return span


def assert_named(span, name):
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, name)
    assert span.attributes["error.type"] == name
    assert span.events == ()
    assert ANSWER not in span.to_json()


def process_and_raise():
    with Journey.begin(Delivered(record=RECORD, partition=0, offset=1, timestamp_ms=0), group="g"):
        raise ValueError(ANSWER)


def test_the_span_of_a_record_has_the_class_of_a_fault_and_no_message(exporter):
    with pytest.raises(ValueError, match=ANSWER):
        process_and_raise()
    assert_named(only(exporter, "process t"), "ValueError")


def test_the_span_of_a_publication_has_the_code_of_a_fault_and_no_message(exporter):
    with pytest.raises(RecordTooLarge):
        asyncio.run(publish_completion(RECORD, producer=Refusing()))
    assert_named(only(exporter, "send t"), "record_too_large")
