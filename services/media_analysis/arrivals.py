"""Pure: a record from one of our topics in; a completion, a progress report, a dead letter, or something foreign out."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from media_contracts import (
    CompletedEvent,
    ContractError,
    KafkaRecord,
    ProgressEvent,
    decode_completed,
    decode_progress,
    topics,
)
from media_contracts.instants import format_instant

if TYPE_CHECKING:
    from media_analysis.broker import Heard
    from media_contracts import Headers


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadRecord:
    """A record that was no valid request: why, and where it stood."""

    reason: str
    message: str
    origin: str
    """topic[partition]@offset of the original."""
    event_id: str | None
    """`ce_id` of the original, when it had one that can be read."""
    record: KafkaRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """A record that is no event of ours."""

    why: str
    record: KafkaRecord


Arrival: TypeAlias = "CompletedEvent | ProgressEvent | DeadRecord | Foreign"


def read_arrival(record: KafkaRecord) -> Arrival:
    """Return what the record is; never raises."""
    try:
        if record.topic == topics.DEAD_LETTER:
            return _dead(record)
        return decode_progress(record) if record.topic == topics.PROGRESS else decode_completed(record)
    except ContractError as error:
        return Foreign(why=str(error), record=record)


def _dead(record: KafkaRecord) -> DeadRecord:
    place = (header_text(record.headers, f"dead-letter-{name}") or "?" for name in ("topic", "partition", "offset"))
    topic, partition, offset = place
    return DeadRecord(
        reason=header_text(record.headers, "dead-letter-reason") or "unknown",
        message=header_text(record.headers, "dead-letter-message") or "",
        origin=f"{topic}[{partition}]@{offset}",
        event_id=header_text(record.headers, "ce_id"),
        record=record,
    )


def header_text(headers: Headers, name: str) -> str | None:
    """Return the last header of that name as text, None when there is none or it is null."""
    values = [value for header, value in headers if header == name]
    return values[-1].decode("utf-8", "replace") if values and values[-1] is not None else None


def as_json(heard: Heard, arrival: Arrival) -> dict[str, Any]:
    """Return the event as one JSON object: its CloudEvents attributes around its data, and where it was read."""
    place = {"topic": heard.record.topic, "partition": heard.partition, "offset": heard.offset}
    match arrival:
        case CompletedEvent() | ProgressEvent():
            return {
                "specversion": "1.0",
                "type": heard.record.topic,
                "source": arrival.source,
                "id": arrival.event_id,
                "subject": arrival.subject,
                "time": format_instant(arrival.time) if arrival.time else None,
                "traceparent": arrival.traceparent,
                "kafka": place,
                "data": arrival.document,
            }
        case DeadRecord():
            told = {"reason": arrival.reason, "message": arrival.message, "origin": arrival.origin}
            return {"type": heard.record.topic, "kafka": place, "data": told | _value(arrival.record.value)}
        case Foreign():
            return {"type": "foreign", "kafka": place, "data": {"message": arrival.why} | _value(arrival.record.value)}


def _value(value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}


def one_line(document: Any) -> str:
    """Return a JSON document on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
