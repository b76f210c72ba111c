"""Pure: the trace sink's lines in, spans out; and spans in, the rows of a tree with their depth out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from media_analysis.report.values import Moment, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_CLIENT: Final = 3  # opentelemetry-proto, trace.proto, Span.SpanKind
_ERROR: Final = 2  # opentelemetry-proto, trace.proto, Status.StatusCode


def read_spans(lines: Iterable[str]) -> tuple[Span, ...]:
    """Return the spans among NDJSON lines of OTLP/JSON; logs, metrics, half-written and foreign lines are passed over."""
    return tuple(span for line in lines if (span := _read_span(line)) is not None)


def _read_span(line: str) -> Span | None:
    try:
        raw = json.loads(line)
        return _to_span(raw) if "spanId" in raw and "startTimeUnixNano" in raw else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _to_span(raw: dict[str, Any]) -> Span:
    status = raw.get("status") or {}
    return Span(
        trace_id=str(raw["traceId"]),
        span_id=str(raw["spanId"]),
        parent_id=raw.get("parentSpanId") or None,
        name=str(raw.get("name", "")),
        start_nanoseconds=int(raw["startTimeUnixNano"]),
        end_nanoseconds=int(raw["endTimeUnixNano"]),
        client=raw.get("kind") == _CLIENT,
        attributes={pair["key"]: _value(pair["value"]) for pair in raw.get("attributes", ())},
        moments=tuple(
            Moment(name=str(event["name"]), at_nanoseconds=int(event["timeUnixNano"]))
            for event in raw.get("events", ())
        ),
        error=(status.get("message") or "failed") if status.get("code") == _ERROR else None,
    )


def _value(raw: dict[str, Any]) -> Any:
    for kind, value in raw.items():
        if kind == "arrayValue":
            return [_value(item) for item in value.get("values", ())]
        return int(value) if kind == "intValue" else value  # OTLP/JSON writes 64-bit integers as strings
    return None


def tree_rows(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """Yield (depth, span) parents first, siblings by start; a span whose parent is not there is a root.

    Each span comes once, also when parents form a circle.
    """
    ordered = sorted(spans, key=lambda span: (span.start_nanoseconds, span.end_nanoseconds))
    known = {span.span_id for span in ordered}
    children: dict[str | None, list[Span]] = {}
    for span in ordered:
        children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)
    seen: set[str] = set()
    yield from _descend(children, children.get(None, []), 0, seen)
    for span in ordered:
        yield from _descend(children, [span], 0, seen)


def _descend(
    children: dict[str | None, list[Span]], spans: Iterable[Span], depth: int, seen: set[str]
) -> Iterator[tuple[int, Span]]:
    for span in spans:
        if span.span_id not in seen:
            seen.add(span.span_id)
            yield depth, span
            yield from _descend(children, children.get(span.span_id, ()), depth + 1, seen)
