"""Pure: claims and answers to and from the JSON that lies in the ledger (format 1; golden files in tests/formats).

A release reads its predecessor's formats and leaves its successor's alone: an unknown format number raises `Stopped`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from analysis_worker.errors import Stopped
from analysis_worker.record_format import decode_record, encode_record
from media_contracts import Attempt, KafkaRecord

FORMAT: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAttempt:
    """A call that was about to be made: counted with its input estimate unless it is closed (law 6)."""

    number: int
    kind: str
    model: str
    input_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimDocument:
    """One start of a request: by whom, when, which calls were closed and which is open; released when given up."""

    fingerprint: str
    owner: str
    start: int
    started_at: str
    closed: tuple[Attempt, ...] = ()
    open: OpenAttempt | None = None
    released: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerDocument:
    """A completion as it was recorded, with the request it answers, byte for byte."""

    fingerprint: str
    outcome: str
    recorded_at: str
    completion: KafkaRecord
    request: KafkaRecord


def encode_claim(claim: ClaimDocument) -> bytes:
    """A claim as JSON."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "fingerprint": claim.fingerprint,
            "owner": claim.owner,
            "start": claim.start,
            "started_at": claim.started_at,
            "closed": [attempt.model_dump(mode="json") for attempt in claim.closed],
            "open": _encode_open(claim.open),
            "released": claim.released,
        }
    )


def decode_claim(body: bytes) -> ClaimDocument:
    """A claim from JSON. :raises Stopped: on a format of a later release."""
    document = _load(body)
    opened = document["open"]
    return ClaimDocument(
        fingerprint=document["fingerprint"],
        owner=document["owner"],
        start=document["start"],
        started_at=document["started_at"],
        closed=tuple(Attempt.model_validate(attempt) for attempt in document["closed"]),
        open=OpenAttempt(**opened) if opened else None,
        released=document["released"],
    )


def encode_answer(answer: AnswerDocument) -> bytes:
    """An answer as JSON; the event's value is text, so that an operator can read it."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "fingerprint": answer.fingerprint,
            "outcome": answer.outcome,
            "recorded_at": answer.recorded_at,
            "completion": encode_record(answer.completion),
            "request": encode_record(answer.request),
        }
    )


def decode_answer(body: bytes) -> AnswerDocument:
    """An answer from JSON. :raises Stopped: on a format of a later release."""
    document = _load(body)
    return AnswerDocument(
        fingerprint=document["fingerprint"],
        outcome=document["outcome"],
        recorded_at=document["recorded_at"],
        completion=decode_record(document["completion"]),
        request=decode_record(document["request"]),
    )


def _load(body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(body)
    if document.get("format") != FORMAT:
        raise Stopped(
            f"the ledger holds format {document.get('format')!r}, this release reads {FORMAT}: upgrade the worker"
        )
    return document


def _encode_open(attempt: OpenAttempt | None) -> dict[str, Any] | None:
    if attempt is None:
        return None
    return {
        "number": attempt.number,
        "kind": attempt.kind,
        "model": attempt.model,
        "input_tokens": attempt.input_tokens,
    }
