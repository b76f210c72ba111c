"""Pure: a record that is to be tried later in, its copy for a retry topic out, and back again (DESIGN.md §3).

The copy carries the request's bytes and headers unchanged, plus headers of ours. `retry-topic` is the topic that the
request was sent to: the source of a plain JSON request and the tenant that may use it hang on that, not on where the
copy lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from media_contracts import KafkaRecord, headers, topics

if TYPE_CHECKING:
    from analysis_worker.values import Delivered

_OURS: Final = frozenset(
    {
        headers.RETRY_FORMAT,
        headers.RETRY_ATTEMPT,
        headers.RETRY_NOT_BEFORE,
        headers.RETRY_FIRST_TIMESTAMP,
        headers.RETRY_TOPIC,
    }
)
_TOPICS: Final = frozenset(name for name, _ in topics.RETRY_TOPICS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delay:
    """A retry topic and its one fixed delay."""

    topic: str
    seconds: int


def delay_for(*, attempt: int, wait_seconds: float, left_seconds: float) -> Delay | None:
    """The topic of the `attempt`-th copy of a request (from 1): a longer delay each time, at least `wait_seconds`.

    None when it would fall due after the deadline, `left_seconds` from now: then the request fails now.
    """
    delays = [Delay(topic=name, seconds=seconds) for name, seconds in topics.RETRY_TOPICS]
    step = delays[min(attempt, len(delays)) - 1]
    long_enough = [delay for delay in delays if delay.seconds >= max(step.seconds, wait_seconds)]
    # Nothing waits longer than the last topic: what the provider asks for beyond it is asked for again then.
    chosen = long_enough[0] if long_enough else delays[-1]
    floor_seconds = min(wait_seconds, delays[-1].seconds)
    in_time = [each for each in delays if floor_seconds <= each.seconds <= min(chosen.seconds, left_seconds)]
    return in_time[-1] if in_time else None


def retry_copy(delivered: Delivered, delay: Delay, *, now: datetime) -> KafkaRecord:
    """The record to send to `delay.topic`, of a request as `original` gives it."""
    record = delivered.record
    own = {
        headers.RETRY_FORMAT: headers.RETRY_FORMAT_VERSION,
        headers.RETRY_ATTEMPT: str(delivered.retries + 2),
        headers.RETRY_NOT_BEFORE: _text(now + timedelta(seconds=delay.seconds)),
        headers.RETRY_FIRST_TIMESTAMP: _text(datetime.fromtimestamp(delivered.timestamp_ms / 1000, UTC)),
        headers.RETRY_TOPIC: record.topic,
    }
    return KafkaRecord(
        topic=delay.topic,
        key=record.key,
        value=record.value,
        headers=(*record.headers, *((name, text.encode()) for name, text in own.items())),
    )


def due_at(record: KafkaRecord) -> float:
    """When the record may be taken, in epoch seconds; always, unless it lies in a retry topic and says otherwise."""
    if record.topic not in _TOPICS:
        return -math.inf
    instant = _instant(_text_of(record, headers.RETRY_NOT_BEFORE))
    return instant.timestamp() if instant else -math.inf


def original(delivered: Delivered) -> Delivered:
    """The request as it was first delivered: its topic, headers and timestamp; unchanged when it is no copy.

    Partition and offset stay those of the copy, which is what was delivered. The headers of ours are only believed in
    a retry topic, to which nobody but the workers may write.
    """
    record = delivered.record
    if record.topic not in _TOPICS:
        return delivered
    first = _instant(_text_of(record, headers.RETRY_FIRST_TIMESTAMP))
    attempt = _text_of(record, headers.RETRY_ATTEMPT)
    return replace(
        delivered,
        record=KafkaRecord(
            topic=_text_of(record, headers.RETRY_TOPIC) or record.topic,
            key=record.key,
            value=record.value,
            headers=tuple((name, value) for name, value in record.headers if name not in _OURS),
        ),
        timestamp_ms=int(first.timestamp() * 1000) if first else delivered.timestamp_ms,
        retries=max(0, int(attempt) - 1) if attempt.isdigit() else 0,
    )


def _text_of(record: KafkaRecord, name: str) -> str:
    values = [value for each, value in record.headers if each == name and value]
    return values[-1].decode("ascii", errors="replace") if values else ""


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
