"""Pure: a record of the dead-letter topic in, what it tells about itself and the record that was buried out.

What our own headers say is in the block that the worker put last; whatever stands before it is the record's own, a
`dead-letter-*` header of an earlier round included.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis_worker.dead_letter_format import decode_buried
from analysis_worker.errors import Stopped
from analysis_worker.retry_copy import original
from analysis_worker.values import Delivered
from media_contracts import KafkaRecord, headers, parse_instant

if TYPE_CHECKING:
    from datetime import datetime

    from media_contracts.records import Headers


class Unusable(ValueError):
    """A dead letter that cannot be put back; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Where in the results bucket the rest of a dead letter lies: its `value`, or the whole `record`."""

    holds: str
    bucket: str
    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A dead letter: why and when it was written, and where the record had stood."""

    reason: str
    message: str
    at: datetime
    topic: str
    """Where the record goes when it is put back: the topic that the request was first sent to."""
    partition: int
    offset: int
    timestamp_ms: int
    reference: Reference | None
    record: KafkaRecord
    """The buried record as far as the letter has it, without our headers."""

    @property
    def origin(self) -> str:
        """Where the record was read when it was buried, as topic[partition]@offset."""
        return f"{self.record.topic}[{self.partition}]@{self.offset}"


def read_letter(record: KafkaRecord) -> Letter:
    """Read a dead letter. Raises Unusable when it is none of ours, or of a later release."""
    own, told = _split(record.headers)
    try:
        topic = told[headers.DEAD_LETTER_TOPIC]
        partition, offset = int(told[headers.DEAD_LETTER_PARTITION]), int(told[headers.DEAD_LETTER_OFFSET])
        buried = KafkaRecord(topic=topic, key=record.key, value=record.value, headers=own)
        timestamp = parse_instant(told[headers.DEAD_LETTER_TIMESTAMP])
        letter = Letter(
            reason=told[headers.DEAD_LETTER_REASON],
            message=told.get(headers.DEAD_LETTER_MESSAGE, ""),
            at=parse_instant(told[headers.DEAD_LETTER_AT]),
            topic=topic,
            partition=partition,
            offset=offset,
            timestamp_ms=int(timestamp.timestamp() * 1000),
            reference=_reference(told),
            record=buried,
        )
    except KeyError as error:
        raise Unusable(f"the header {error.args[0]} is missing: no dead letter of a worker's") from None
    except ValueError as error:
        raise Unusable(f"its headers cannot be read: {error}") from None
    return _from_first_topic(letter)


def restore(letter: Letter, stored: bytes | None) -> KafkaRecord:
    """The record that was buried, byte for byte; `stored` is what its reference names.

    Raises Unusable when the stored bytes are not those that were put there.
    """
    if letter.reference is None:
        return _first_sent(letter, letter.record)
    if stored is None:
        raise Unusable("what it refers to was not read")
    if len(stored) != letter.reference.size_bytes or hashlib.sha256(stored).hexdigest() != letter.reference.sha256:
        place = f"{letter.reference.bucket}/{letter.reference.key}"
        raise Unusable(f"{place} has {len(stored)} bytes that are not those that were put there: restore the object")
    if letter.reference.holds == "value":
        own = letter.record
        return _first_sent(letter, KafkaRecord(topic=own.topic, key=own.key, value=stored, headers=own.headers))
    try:
        return _first_sent(letter, decode_buried(stored))
    except Stopped as error:
        raise Unusable(error.message) from None


def _split(all_headers: Headers) -> tuple[Headers, dict[str, str]]:
    """The record's own headers, and ours."""
    begins = [index for index, (name, _) in enumerate(all_headers) if name == headers.DEAD_LETTER_FORMAT]
    if not begins:
        raise Unusable(f"the header {headers.DEAD_LETTER_FORMAT} is missing: no dead letter of a worker's")
    ours = {name: (value or b"").decode(errors="replace") for name, value in all_headers[begins[-1] :]}
    if ours[headers.DEAD_LETTER_FORMAT] != headers.DEAD_LETTER_FORMAT_VERSION:
        raise Unusable(f"it has format {ours[headers.DEAD_LETTER_FORMAT]!r}: use a later release")
    return all_headers[: begins[-1]], ours


def _reference(told: dict[str, str]) -> Reference | None:
    holds = told.get(headers.DEAD_LETTER_REF_HOLDS)
    if holds is None:
        return None
    if holds not in ("value", "record"):
        raise Unusable(f"{headers.DEAD_LETTER_REF_HOLDS} is {holds!r}: use a later release")
    return Reference(
        holds=holds,
        bucket=told[headers.DEAD_LETTER_REF_BUCKET],
        key=told[headers.DEAD_LETTER_REF_KEY],
        sha256=told[headers.DEAD_LETTER_REF_SHA256],
        size_bytes=int(told[headers.DEAD_LETTER_REF_SIZE_BYTES]),
    )


def _from_first_topic(letter: Letter) -> Letter:
    return replace(letter, topic=_first_sent(letter, letter.record).topic)


def _first_sent(letter: Letter, record: KafkaRecord) -> KafkaRecord:
    """A copy for later that died in a retry topic goes back to where the request was sent, not into the middle."""
    delivered = Delivered(
        record=record, partition=letter.partition, offset=letter.offset, timestamp_ms=letter.timestamp_ms
    )
    return original(delivered).record
