"""Pure: a Kafka record to and from a JSON object that can lie in a store: null, text or base64 for each piece of bytes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictStr

from media_contracts import KafkaRecord


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text: StrictStr

    def to_bytes(self) -> bytes:
        return self.text.encode()


class _Base64(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    base64: StrictStr

    def to_bytes(self) -> bytes:
        return b64decode(self.base64, validate=True)


class _Record(BaseModel):
    topic: StrictStr
    key: _Text | _Base64 | None
    headers: tuple[tuple[StrictStr, _Text | _Base64 | None], ...]
    value: _Text | _Base64 | None


def encode_record(record: KafkaRecord) -> dict[str, Any]:
    """The record; bytes that are UTF-8 stay readable, so that an operator can read them."""
    return {
        "topic": record.topic,
        "key": _encode_bytes(record.key),
        "headers": [[name, _encode_bytes(value)] for name, value in record.headers],
        "value": _encode_bytes(record.value),
    }


def decode_record(document: object) -> KafkaRecord:
    """The record, byte for byte.

    :raises ValueError: for anything else than what `encode_record` gives, also as pydantic's `ValidationError`.
    """
    record = _Record.model_validate(document)
    return KafkaRecord(
        topic=record.topic,
        key=_decode_bytes(record.key),
        value=_decode_bytes(record.value),
        headers=tuple((name, _decode_bytes(value)) for name, value in record.headers),
    )


def _encode_bytes(value: bytes | None) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def _decode_bytes(piece: _Text | _Base64 | None) -> bytes | None:
    return None if piece is None else piece.to_bytes()
