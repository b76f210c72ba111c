"""Pure: a buried record to and from the JSON that lies in the results bucket (format 1; golden file in tests/formats).

It lies there when key and headers are too large for the dead-letter topic; `dead-letter-ref-holds` is `record` then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from analysis_worker.errors import Stopped
from analysis_worker.record_format import decode_record, encode_record

if TYPE_CHECKING:
    from media_contracts import KafkaRecord

FORMAT: Final = 1


def encode_buried(record: KafkaRecord) -> bytes:
    """The original record as JSON, every byte of it."""
    return orjson.dumps({"format": FORMAT, "record": encode_record(record)})


def decode_buried(body: bytes) -> KafkaRecord:
    """The original record from JSON. :raises Stopped: on a format of a later release."""
    document: dict[str, Any] = orjson.loads(body)
    if document.get("format") != FORMAT:
        raise Stopped(
            f"the dead letter has format {document.get('format')!r}, this release reads {FORMAT}: use a later release"
        )
    return decode_record(document["record"])
