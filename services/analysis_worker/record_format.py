"""Pure: a Kafka record to and from a JSON object that can lie in a store: null, text or base64 for each piece of bytes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from media_contracts import KafkaRecord


def encode_record(record: KafkaRecord) -> dict[str, Any]:
    """The record; bytes that are UTF-8 stay readable, so that an operator can read them."""
    return {
        "topic": record.topic,
        "key": _encode_bytes(record.key),
        "headers": [[name, _encode_bytes(value)] for name, value in record.headers],
        "value": _encode_bytes(record.value),
    }


def decode_record(document: dict[str, Any]) -> KafkaRecord:
    """The record, byte for byte."""
    return KafkaRecord(
        topic=document["topic"],
        key=_decode_bytes(document["key"]),
        value=_decode_bytes(document["value"]),
        headers=tuple((name, _decode_bytes(value)) for name, value in document["headers"]),
    )


def _encode_bytes(value: bytes | None) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def _decode_bytes(document: dict[str, str] | None) -> bytes | None:
    if document is None:
        return None
    return document["text"].encode() if "text" in document else b64decode(document["base64"])
