"""A record that is no valid request in, its dead letter out: bytes, headers, coordinates and reason (law 1)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from media_contracts import KafkaRecord, format_instant, headers, topics

if TYPE_CHECKING:
    from analysis_worker.errors import DeadLettered
    from analysis_worker.object_store import ObjectStore
    from analysis_worker.values import Delivered

MESSAGE_BYTES: Final = 4096
"""A fault may quote what was sent, so the message header is bounded."""


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
        headers=(*delivered.record.headers, *((name, text.encode()) for name, text in added.items())),
    )


async def fit(
    letter: KafkaRecord, delivered: Delivered, *, store: ObjectStore, bucket: str, max_bytes: int
) -> KafkaRecord:
    """The letter, or one that refers to the results bucket when value and headers do not fit the topic.

    The object is named by the record's coordinates, so that a redelivery writes the same one. A record of nobody we
    know has no tenant to stand under.
    """
    value = letter.value or b""
    weight = len(value) + sum(len(name) + len(content or b"") for name, content in letter.headers)
    if weight <= max_bytes:
        return letter
    key = f"dead-letter/{delivered.record.topic}/{delivered.partition}/{delivered.offset}"
    await store.put(bucket, key, value, content_type="application/octet-stream")
    reference = {
        headers.DEAD_LETTER_REF_BUCKET: bucket,
        headers.DEAD_LETTER_REF_KEY: key,
        headers.DEAD_LETTER_REF_SHA256: hashlib.sha256(value).hexdigest(),
        headers.DEAD_LETTER_REF_SIZE_BYTES: str(len(value)),
    }
    return KafkaRecord(
        topic=letter.topic,
        key=letter.key,
        value=None,
        headers=(*letter.headers, *((name, text.encode()) for name, text in reference.items())),
    )
