"""Pure: instants, from RFC 3339 text with an offset to UTC with milliseconds and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EXAMPLE: Final = "2026-11-20T09:30:00.000Z"


def parse_instant(text: str) -> datetime:
    """Return the UTC instant, cut to milliseconds, that RFC 3339 `text` with an offset names.

    Raises ValueError for anything else: no offset, a date alone, a leap second, the year 0.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError(f"{text!r} is no RFC 3339 instant with an offset, such as {_EXAMPLE}")
    try:
        return to_milliseconds(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no instant that exists: {error}") from error


def to_milliseconds(instant: datetime) -> datetime:
    """Return the instant in UTC, cut (not rounded) to milliseconds; raises ValueError when it has no offset."""
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no offset: pass an aware datetime, such as datetime.now(UTC)")
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def format_instant(instant: datetime) -> str:
    """Return RFC 3339 text in UTC with milliseconds and `Z`; raises ValueError when the instant has no offset."""
    return to_milliseconds(instant).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, datetime):
        return value
    raise ValueError(f"an instant is RFC 3339 text such as {_EXAMPLE!r}, not {value!r}")


Instant = Annotated[
    datetime,
    BeforeValidator(_read),
    AfterValidator(to_milliseconds),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [_EXAMPLE]}),
]
"""An aware datetime in UTC with whole milliseconds; text in JSON."""
