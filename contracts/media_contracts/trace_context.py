"""Pure: W3C trace context from and to plain Kafka headers; what is repeated or malformed is as good as absent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from media_contracts.records import Headers

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
# W3C Trace Context §3.2.2; versions after 00 may append fields, ff is forbidden.
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_TRACESTATE: Final = re.compile(r"[\x20-\x7e]{1,512}")


def read_trace_context(headers: Headers) -> tuple[str | None, str | None]:
    """Return (traceparent, tracestate), None for one that is absent, repeated or malformed: a trace is never a fault."""
    traceparent = _single(headers, TRACEPARENT, _TRACEPARENT)
    if traceparent is None or (traceparent.startswith("00-") and len(traceparent) != len("00-") + 32 + 1 + 16 + 1 + 2):
        return None, None
    return traceparent, _single(headers, TRACESTATE, _TRACESTATE)


def trace_context_headers(traceparent: str | None, tracestate: str | None) -> Headers:
    """Return the headers that carry a trace context."""
    pairs = ((TRACEPARENT, traceparent), (TRACESTATE, tracestate))
    return tuple((name, text.encode()) for name, text in pairs if text is not None)


def _single(headers: Headers, name: str, pattern: re.Pattern[str]) -> str | None:
    values = [value for header, value in headers if header.lower() == name]
    if len(values) != 1 or values[0] is None:
        return None
    text = values[0].decode(errors="replace")
    return text if pattern.fullmatch(text) else None
