"""Pure: the plan and the segments of a long request to and from the JSON in the ledger (format 1; golden files).

`plan.json` is written before the first segment is asked, `segment-{n}.json` when one has ended, `reduction.json` when
one answer was made of them. Both name the plan that they belong to by the hash of its bytes: those of a plan that was
discarded are never taken for ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import orjson
from pydantic import Field

from analysis_worker.errors import LedgerUnreadable
from analysis_worker.ledger_format import FORMAT, broken_document, read_document
from media_contracts import Attempt  # noqa: TC001 - pydantic reads the annotations

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedObject:
    """One object as the plan saw it."""

    media_index: Count
    etag: str
    size_bytes: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSegment:
    """One piece of the medium `media_index`, in seconds; see segments.py."""

    index: Count
    media_index: Count
    start_seconds: Seconds
    end_seconds: Seconds
    overlap_seconds: Seconds
    cut: Literal["copy", "encode"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanDocument:
    """All that decides what the segments of a request are asked; the request itself is told by `fingerprint`."""

    fingerprint: str
    model: str
    card_sha256: Sha256
    """Of the model card: an operator may have changed it."""
    detail: str
    profile: str
    profile_version: str
    prompt_sha256: Sha256
    """Of the words that every segment is asked with, the schema among them."""
    reduce_model: str
    objects: tuple[PlannedObject, ...]
    segments: tuple[PlannedSegment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentDocument:
    """How one segment ended: its findings, or the code of its fault; and its calls, all of them closed."""

    plan_sha256: Sha256
    index: Count
    outcome: str
    start_seconds: Seconds
    """Where the zero of its times lies in the medium: the cut may differ from the plan by a picture."""
    findings: str | None = None
    message: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReductionDocument:
    """What a text model made of the segments that `answered`: its findings, as text, and its calls."""

    plan_sha256: Sha256
    answered: tuple[Count, ...]
    model: str
    finish_reason: str | None = None
    findings: str
    attempts: tuple[Attempt, ...] = ()


def encode_plan(plan: PlanDocument) -> bytes:
    """A plan as JSON."""
    return orjson.dumps({"format": FORMAT, **asdict(plan)})


def decode_plan(body: bytes, *, where: str) -> PlanDocument:
    """A plan from JSON. :raises LedgerUnreadable: when the object `where` holds anything else."""
    plan = read_document(PlanDocument, body, where=where)
    if [segment.index for segment in plan.segments] != list(range(len(plan.segments))):
        raise broken_document(where, ValueError("segments out of order"))
    return plan


def plan_sha256(plan: PlanDocument) -> str:
    """The hash by which segments name their plan."""
    return hashlib.sha256(encode_plan(plan)).hexdigest()


def encode_segment(segment: SegmentDocument) -> bytes:
    """A segment as JSON; its findings are text, unchanged."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "plan_sha256": segment.plan_sha256,
            "index": segment.index,
            "outcome": segment.outcome,
            "start_seconds": segment.start_seconds,
            "findings": segment.findings,
            "message": segment.message,
            "attempts": [attempt.model_dump(mode="json") for attempt in segment.attempts],
        }
    )


def decode_segment(body: bytes, *, where: str) -> SegmentDocument:
    """A segment from JSON. :raises LedgerUnreadable: when the object `where` holds anything else."""
    segment = read_document(SegmentDocument, body, where=where)
    if (segment.outcome == SUCCEEDED) != (segment.findings is not None):
        raise LedgerUnreadable(f"{where} says {segment.outcome!r} and findings disagree: look at it, then remove it")
    return segment


def encode_reduction(reduction: ReductionDocument) -> bytes:
    """A reduction as JSON; its findings are text, unchanged."""
    fields = {name: getattr(reduction, name) for name in reduction.__slots__}
    attempts = [attempt.model_dump(mode="json") for attempt in reduction.attempts]
    return orjson.dumps({"format": FORMAT, **fields, "attempts": attempts})


def decode_reduction(body: bytes, *, where: str) -> ReductionDocument:
    """A reduction from JSON. :raises LedgerUnreadable: when the object `where` holds anything else."""
    return read_document(ReductionDocument, body, where=where)


SUCCEEDED = "succeeded"
