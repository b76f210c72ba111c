"""Pure: claims and answers to and from the JSON that lies in the ledger (format 1; golden files in tests/formats).

A release reads its predecessor's formats and leaves its successor's alone. Whatever else may lie there raises
`LedgerUnreadable`, whose message shows the object and never what it holds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import Field, StrictStr, TypeAdapter, ValidationError

from analysis_worker.errors import LedgerUnreadable
from analysis_worker.record_format import decode_record, encode_record
from media_contracts import Attempt, KafkaRecord  # noqa: TC001 - pydantic reads the annotations

FORMAT: Final = 1
T = TypeVar("T")
_MOST: Final = 2**53 - 1
Ordinal = Annotated[int, Field(ge=1, le=_MOST)]
Tokens = Annotated[int, Field(ge=0, le=_MOST)]
Count = Annotated[int, Field(ge=0, le=_MOST)]


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAttempt:
    """A call that was about to be made: counted with its input estimate unless it is closed (law 6)."""

    number: Ordinal
    kind: str
    model: str
    input_tokens: Tokens
    segment: Count | None = None
    reason: str | None = None
    """Why it is made after another (`Attempt.reason`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimDocument:
    """One start of a request: by whom, when, which calls were closed and which are open; released when given up."""

    fingerprint: str
    owner: str
    start: Ordinal
    started_at: str
    closed: tuple[Attempt, ...] = ()
    open: tuple[OpenAttempt, ...] = ()
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
            "open": [_encode_open(attempt) for attempt in claim.open],
            "released": claim.released,
        }
    )


def decode_claim(body: bytes, *, where: str) -> ClaimDocument:
    """A claim from JSON. :raises LedgerUnreadable: when the object `where` holds anything else."""
    return read_document(ClaimDocument, body, where=where)


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


def decode_answer(body: bytes, *, where: str) -> AnswerDocument:
    """An answer from JSON. :raises LedgerUnreadable: when the object `where` holds anything else."""
    document = load_document(body, where=where)
    try:
        head = _adapter(_AnswerHead).validate_python(document)
        return AnswerDocument(
            fingerprint=head.fingerprint,
            outcome=head.outcome,
            recorded_at=head.recorded_at,
            completion=decode_record(document.get("completion")),
            request=decode_record(document.get("request")),
        )
    except ValueError as error:  # also pydantic's and base64's
        raise broken_document(where, error) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class _AnswerHead:
    """What stands before the records in an answer."""

    fingerprint: StrictStr
    outcome: StrictStr
    recorded_at: StrictStr


@cache
def _adapter(form: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def read_document(form: type[T], body: bytes, *, where: str) -> T:
    """The value of that form which lies there. :raises LedgerUnreadable: when the object `where` holds anything else."""
    document = load_document(body, where=where)
    try:
        # As JSON, because only that is strict about types and takes lists for tuples; from what orjson read, so that
        # an integer beyond its 64 bits is refused here and not when the document is written again.
        found: T = _adapter(form).validate_json(  # type: ignore[arg-type]  # a class is hashable (mypy issue 11470)
            orjson.dumps(document), strict=True
        )
    except ValidationError as error:
        raise broken_document(where, error) from None  # pydantic's own words quote what lies there
    return found


def load_document(body: bytes, *, where: str) -> dict[str, Any]:
    """The object that lies there, of a format that this release reads. :raises LedgerUnreadable: otherwise."""
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise broken_document(where, error) from None
    if not isinstance(document, dict):
        raise broken_document(where, ValueError("no JSON object"))
    found = document.get("format")
    if type(found) is not int or found < FORMAT:
        raise broken_document(where, ValueError("no format number that was ever written"))
    if found > FORMAT:
        raise LedgerUnreadable(f"{where} has format {found}, this release reads {FORMAT}: upgrade the worker")
    return document


def broken_document(where: str, error: ValueError) -> LedgerUnreadable:
    """The error for what lies `where`; it never shows what that is."""
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        why = f"{'.'.join(map(str, faults[0]['loc']))}: {faults[0]['type']}"
    else:
        why = str(error) or type(error).__name__
    return LedgerUnreadable(
        f"{where} is no document of the ledger ({why}): look at it, then restore or remove it; once it is removed, the"
        " request may be paid again"
    )


def _encode_open(attempt: OpenAttempt) -> dict[str, Any]:
    document = asdict(attempt)
    return {name: value for name, value in document.items() if value is not None}
