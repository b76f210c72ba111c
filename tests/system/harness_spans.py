"""The trace sink's NDJSON in; spans, their trees, and a way to wait for them, out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.processes import until

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")  # trace.proto, Span.SpanKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A pointer to a span of another, or the same, trace."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span; `parent_span_id` is None at the root, times are nanoseconds since the epoch, events are names."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    kind: str
    attributes: dict[str, Any]
    links: tuple[Link, ...]
    events: tuple[str, ...]
    error: str | None
    start_ns: int
    end_ns: int


def parse_span(document: dict[str, Any]) -> Span:
    """Read one span as OTLP/JSON writes it."""
    status = document.get("status") or {}
    return Span(
        name=document["name"],
        trace_id=document["traceId"],
        span_id=document["spanId"],
        parent_span_id=document.get("parentSpanId") or None,
        kind=_KINDS[document.get("kind", 0)],
        attributes=_attributes(document),
        links=tuple(
            Link(trace_id=link["traceId"], span_id=link["spanId"], attributes=_attributes(link))
            for link in document.get("links", ())
        ),
        events=tuple(event["name"] for event in document.get("events", ())),
        error=(status.get("message") or "error") if status.get("code") == 2 else None,  # Status.StatusCode ERROR
        start_ns=int(document["startTimeUnixNano"]),
        end_ns=int(document["endTimeUnixNano"]),
    )


def _attributes(document: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in document.get("attributes", ())}


def _value(value: dict[str, Any]) -> Any:
    match value:
        case {"intValue": number}:
            return int(number)  # a string in JSON, because it has 64 bits
        case {"arrayValue": {"values": values}}:
            return [_value(one) for one in values]
        case {"arrayValue": _}:
            return []
        case _:
            return next(iter(value.values()), None)


class Spans:
    """What the stack's trace sink has received so far."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> list[Span]:
        """Every span; the sink's other lines (a greeting, logs, metrics, one half written) are passed over."""
        if not self._file.exists():
            return []
        lines = [line for line in self._file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        documents = [json.loads(line) for line in lines if line.startswith("{")]
        return [parse_span(one) for one in documents if "spanId" in one and "startTimeUnixNano" in one]

    def of(self, trace_id: str) -> list[Span]:
        """The spans of a trace in the order of their start."""
        return sorted((span for span in self.all() if span.trace_id == trace_id), key=lambda span: span.start_ns)

    async def wait_for(self, trace_id: str, *names: str, seconds: float = 20.0) -> list[Span]:
        """Wait until spans of all these names are there and return the trace's spans."""

        def missing() -> set[str]:
            return set(names) - {span.name for span in self.of(trace_id)}

        await until(lambda: not missing(), seconds=seconds, what=lambda: f"spans {sorted(missing())} of {trace_id}")
        return self.of(trace_id)


def tree(spans: list[Span]) -> list[Any]:
    """The spans as nested lists of `[name, child, child …]`, roots first, in the order of their start.

    A span whose parent is not among them is a root.
    """
    known = {span.span_id for span in spans}

    def below(parent: str | None) -> list[Any]:
        children = [span for span in spans if (span.parent_span_id if span.parent_span_id in known else None) == parent]
        return [[span.name, *below(span.span_id)] for span in sorted(children, key=lambda span: span.start_ns)]

    return below(None)
