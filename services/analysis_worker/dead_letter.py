"""A record that is no valid request in, its dead letter out: bytes, headers, coordinates and reason (law 1)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from analysis_worker.dead_letter_format import encode_buried
from analysis_worker.weight import weigh
from media_contracts import KafkaRecord, format_instant, headers, topics, trace_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_worker.errors import DeadLettered
    from analysis_worker.object_store import ObjectStore
    from analysis_worker.values import Delivered

MESSAGE_BYTES: Final = 4096
"""A fault may quote what was sent, so the message header is bounded."""
TRACE_BYTES: Final = 1024
"""A trace context longer than this (W3C: 55, and 512 of tracestate) stays with the other headers."""


def build_dead_letter(delivered: Delivered, fault: DeadLettered, *, now: datetime, worker: str) -> KafkaRecord:
    """The dead letter with the original value; the original headers stand first, in their order."""
    added = {
        headers.DEAD_LETTER_FORMAT: headers.DEAD_LETTER_FORMAT_VERSION,
        headers.DEAD_LETTER_REASON: fault.reason,
        headers.DEAD_LETTER_MESSAGE: fault.message.encode()[:MESSAGE_BYTES].decode(errors="ignore"),
        headers.DEAD_LETTER_TOPIC: delivered.record.topic,
        headers.DEAD_LETTER_PARTITION: str(delivered.partition),
        headers.DEAD_LETTER_OFFSET: str(delivered.offset),
        headers.DEAD_LETTER_TIMESTAMP: format_instant(datetime.fromtimestamp(delivered.timestamp_ms / 1000, UTC)),
        headers.DEAD_LETTER_AT: format_instant(now),
        headers.DEAD_LETTER_WORKER: worker,
    }
    return KafkaRecord(
        topic=topics.DEAD_LETTER,
        key=delivered.record.key,
        value=delivered.record.value,
        headers=(*delivered.record.headers, *_encoded(added)),
    )


async def fit(
    letter: KafkaRecord, delivered: Delivered, *, store: ObjectStore, bucket: str, max_bytes: int
) -> KafkaRecord:
    """The letter, or one that refers to the results bucket: for its value, or for key, headers and value.

    The object is named by the record's coordinates and its hash, so that a redelivery writes the same one and a topic
    that was made anew none of the old one's. A record of nobody we know has no tenant to stand under.
    """
    if weigh(letter) <= max_bytes:
        return letter
    place = f"dead-letter/{delivered.record.topic}/{delivered.partition}/{delivered.offset}"
    if (value := letter.value) is not None:
        fitting = KafkaRecord(
            topic=letter.topic,
            key=letter.key,
            value=None,
            headers=(*letter.headers, *_reference("value", value, bucket=bucket, place=place)),
        )
        if weigh(fitting) <= max_bytes:
            await store.put(bucket, _key(place, value), value, content_type="application/octet-stream")
            return fitting
    body = encode_buried(delivered.record)
    await store.put(bucket, _key(place, body), body, content_type="application/json")
    own = letter.headers[len(delivered.record.headers) :]
    kept = (*_trace(delivered.record), *own, *_reference("record", body, bucket=bucket, place=place))
    return KafkaRecord(topic=letter.topic, key=None, value=None, headers=kept)


def _reference(holds: str, body: bytes, *, bucket: str, place: str) -> tuple[tuple[str, bytes], ...]:
    return _encoded(
        {
            headers.DEAD_LETTER_REF_HOLDS: holds,
            headers.DEAD_LETTER_REF_BUCKET: bucket,
            headers.DEAD_LETTER_REF_KEY: _key(place, body),
            headers.DEAD_LETTER_REF_SHA256: hashlib.sha256(body).hexdigest(),
            headers.DEAD_LETTER_REF_SIZE_BYTES: str(len(body)),
        }
    )


def _key(place: str, body: bytes) -> str:
    return f"{place}-{hashlib.sha256(body).hexdigest()[:16]}"


def _trace(record: KafkaRecord) -> tuple[tuple[str, bytes | None], ...]:
    own = (trace_context.TRACEPARENT, trace_context.TRACESTATE)
    found = tuple((name, value) for name, value in record.headers if name.lower() in own)
    return found if sum(len(value or b"") for _, value in found) <= TRACE_BYTES and len(found) <= len(own) else ()


def _encoded(texts: Mapping[str, str]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode()) for name, text in texts.items())
