"""Pure: trace contexts between the current span and Kafka headers (law 10; W3C Trace Context)."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Link

from media_contracts import KafkaRecord, trace_context


def link_to(recorded: KafkaRecord) -> tuple[Link, ...]:
    """A link to the trace in which the completion was recorded, for a replay."""
    traceparent, _ = trace_context.read_trace_context(recorded.headers)
    if traceparent is None:
        return ()
    first = trace.get_current_span(extract({trace_context.TRACEPARENT: traceparent})).get_span_context()
    return (Link(first),) if first.is_valid else ()


def current_traceparent() -> str | None:
    """The current span as a `traceparent`, or None when there is none."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get(trace_context.TRACEPARENT)


def with_trace(record: KafkaRecord) -> KafkaRecord:
    """The record with the current trace context in place of any other."""
    carrier: dict[str, str] = {}
    inject(carrier)
    own = (trace_context.TRACEPARENT, trace_context.TRACESTATE)
    kept = tuple((name, value) for name, value in record.headers if name.lower() not in own)
    added = tuple((name, carrier[name].encode()) for name in own if name in carrier)
    return replace(record, headers=(*kept, *added))
