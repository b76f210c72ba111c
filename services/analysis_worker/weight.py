"""Pure: a Kafka record in, at most how many bytes it takes in a batch out: key, value, headers and their framing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from media_contracts import KafkaRecord

FRAMING_BYTES: Final = 128
"""Batch header (61 bytes) and the record's own lengths, offset and timestamp (at most 36; Kafka protocol, record batch v2)."""
HEADER_FRAMING_BYTES: Final = 10
"""Two lengths of at most five bytes (varint) for each header."""


def weigh(record: KafkaRecord) -> int:
    """The bytes that a batch with this record alone has at most; brokers compare that with `max.message.bytes`."""
    headers = sum(HEADER_FRAMING_BYTES + len(name.encode()) + len(value or b"") for name, value in record.headers)
    return FRAMING_BYTES + len(record.key or b"") + len(record.value or b"") + headers
