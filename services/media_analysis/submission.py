"""Pure: what a person typed in; an `AnalysisRequested` and the record that carries it out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from media_contracts import AnalysisRequested, Identity, KafkaRecord, encode_event, parse_instant, topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE: Final = "/media-analysis/submit"
_MONEY: Final = re.compile(r"\s*([0-9][0-9.]*)\s*([A-Za-z]{3})\s*")
_DURATION: Final = re.compile(r"\+?\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_KINDS: Final = {"image": "image", "audio": "audio", "video": "video"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A request on its way: the record, whose completion to look for, and the trace that it starts."""

    record: KafkaRecord
    request: AnalysisRequested
    event_id: str
    completion_id: str
    trace_id: str


def read_money(text: str) -> dict[str, str]:
    """Return `{amount, currency}` for `0.10CNY` or `0.10 CNY`. Raises ValueError."""
    found = _MONEY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no amount of money: write e.g. 0.10CNY")
    return {"amount": found[1], "currency": found[2].upper()}


def read_deadline(text: str, *, now: datetime) -> datetime:
    """Return the instant of `90s`, `10m`, `2h` from now, or of an RFC 3339 instant with offset. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is not None:
        return now + timedelta(seconds=float(found[1]) * _UNIT_SECONDS[found[2]])
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither a duration such as 90s, 10m, 2h nor an instant: {error}") from None


def read_labels(pairs: Sequence[str]) -> dict[str, str]:
    """Return a map for `key=value` pairs. Raises ValueError."""
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"{pair!r} is no label: write key=value")
    return dict(pair.split("=", 1) for pair in pairs)


def kind_of(name: str, content_type: str) -> str:
    """Return the kind of medium that a name suggests. Raises ValueError when it suggests none."""
    kind = _KINDS.get(content_type.partition("/")[0])
    if kind is None:
        raise ValueError(
            f"cannot tell the kind of {PurePath(name).name!r} ({content_type}): add --kind image|audio|video"
        )
    return kind


def merge(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with what was given on the command line over it; None is not given, maps are merged."""
    merged = dict(document)
    for name, value in given.items():
        if isinstance(value, dict):
            inner = merged.get(name)
            below = merge(inner if isinstance(inner, dict) else {}, value)
            if below:
                merged[name] = below
        elif value is not None:
            merged[name] = value
    return merged


def submission(
    request: AnalysisRequested,
    *,
    now: datetime,
    event_id: str,
    trace_id: str,
    span_id: str,
    source: str = SOURCE,
    topic: str = topics.REQUESTED,
    expires_at: datetime | None = None,
) -> Submission:
    """Return the binary-mode CloudEvent of a request, sampled in a fresh trace, keyed by its `request_id`.

    `trace_id` is 32 and `span_id` 16 lower-case hex digits, neither all zero (W3C Trace Context §3.2.2).
    """
    expiry = {} if expires_at is None else {"expirytime": expires_at.isoformat(timespec="milliseconds")}
    record = encode_event(
        type=topics.REQUESTED,
        data=request,
        event_id=event_id,
        source=source,
        time=now,
        topic=topic,
        key=request.request_id.encode(),
        subject=request.request_id,
        extensions=expiry,
        traceparent=f"00-{trace_id}-{span_id}-01",
    )
    identity = Identity(tenant=request.tenant, source=source, request_id=request.request_id, rerun=request.rerun)
    return Submission(
        record=record,
        request=request,
        event_id=event_id,
        completion_id=identity.completion_id(),
        trace_id=trace_id,
    )
