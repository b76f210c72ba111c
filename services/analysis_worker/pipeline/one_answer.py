"""The ended segments of a long medium in, one answer about the whole out, by a text model where they differ.

Its answer is recorded before anything else is done with it, so that no start of the request asks for it again (law 2).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, assert_never

import orjson

from analysis_worker.analysis_ledger import AnalysisDocument
from analysis_worker.ask import Asked, ask
from analysis_worker.completion import error_of
from analysis_worker.errors import AnalysisError, LedgerUnreadable, PutOff, ReductionFailed, Stopped
from analysis_worker.long_media.absolute_times import in_whole_seconds, shifted
from analysis_worker.long_media.reduce import Merged, Part, ToReduce, joined, reduce_parts
from analysis_worker.long_media.reduce_call import reduction_call
from analysis_worker.long_media.segment_format import ReductionDocument, plan_sha256
from analysis_worker.long_media.segment_report import gap_warning, segment_infos
from analysis_worker.patience import finished_even_if_cancelled, patiently
from analysis_worker.validate import checker, wrong_shape
from analysis_worker.values import Findings, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.long_media.segment_format import SegmentDocument
    from analysis_worker.long_media.segment_ledger import SegmentLedger, Settled
    from analysis_worker.long_media.segments import Segment
    from analysis_worker.pipeline.pieces import Pieces
    from analysis_worker.provider.stream import Answer
    from media_contracts import ErrorInfo, SegmentInfo, WarningInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class InSegmentsAsked:
    """One answer about a medium that was cut, and what a completion says of its segments."""

    answer: Answer
    findings: Findings
    coverage: Literal["complete", "partial"] = "complete"
    warnings: tuple[WarningInfo, ...] = ()
    segments: tuple[SegmentInfo, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The segments of one request that have ended, well or not."""

    pieces: Pieces
    settled: Settled
    ledger: SegmentLedger | None
    documents: dict[int, SegmentDocument]
    faults: dict[int, AnalysisError] = field(default_factory=dict)
    """Of those that came to nothing in this start."""


async def put_together(ended: Ended) -> InSegmentsAsked:
    """One answer out of those that there are.

    :raises AnalysisError: the first segment's fault, when all failed.
    :raises ReductionFailed: when they could not be made one. :raises PutOff: when that had better be tried later.
    """
    pieces, faults = ended.pieces, ended.faults
    cut, whole = pieces.cut, pieces.whole
    parts = [_part(ended, segment) for segment in cut.segments]
    if faults and all(part.value is None for part in parts):
        raise faults[min(faults)]
    reduced = reduce_parts(parts, schema=whole.schema, timelines=cut.timelines)
    match reduced:
        case Merged(findings=findings):
            answer = _answer_of(findings.json_text, model=whole.model, finish_reason="stop")
        case ToReduce():
            asked = await _reduced(ended, reduced, [part.segment.index for part in parts if part.value is not None])
            answer, findings = asked.answer, joined(reduced, asked.findings)
        case _:
            assert_never(reduced)
    wrong = checker(whole.schema, timelines=whole.timelines, duration_seconds=whole.duration_seconds)(findings.value)
    if wrong:
        raise ReductionFailed(f"put together, the segments' answers are not good: {wrong_shape(wrong).message}")
    errors = errors_of(ended)
    gap = gap_warning(parts, errors, media_index=cut.media_index)
    return InSegmentsAsked(
        answer=answer,
        findings=findings,
        coverage="partial" if errors else "complete",
        warnings=(gap,) if gap else (),
        segments=infos_of(ended),
    )


def infos_of(ended: Ended) -> tuple[SegmentInfo, ...]:
    """What a completion says of the segments, however the request ends."""
    pieces = ended.pieces
    return segment_infos(
        pieces.cut.segments,
        ended.documents,
        errors_of(ended),
        pieces.claim.attempts,
        media_index=pieces.cut.media_index,
    )


def errors_of(ended: Ended) -> dict[int, ErrorInfo]:
    """Why segments have come to nothing in this start."""
    return {index: error_of(fault, Stage.ASK) for index, fault in ended.faults.items()}


def _part(ended: Ended, segment: Segment) -> Part:
    document = ended.documents.get(segment.index)
    if document is None or document.findings is None:
        return Part(segment=segment, value=None)
    value, timelines = orjson.loads(document.findings), ended.pieces.cut.timelines
    placed = shifted(value, timelines=timelines, by_seconds=document.start_seconds)
    return Part(segment=segment, value=in_whole_seconds(placed, schema=ended.pieces.whole.schema.document))


async def _reduced(ended: Ended, reduced: ToReduce, answered: Sequence[int]) -> Asked:
    """The text model's answer, of an earlier start where there is one."""
    pieces, ledger, plan = ended.pieces, ended.ledger, ended.settled.plan
    if ledger is None:
        return await _ask_for_one(pieces, reduced)
    if not ended.settled.is_first:
        kept = await patiently(lambda: ledger.reduction(plan, answered), wait=asyncio.sleep)
        if kept is not None:
            pieces.claim.correct(kept.attempts)
            answer = _answer_of(kept.findings, model=kept.model, finish_reason=kept.finish_reason)
            return Asked(answer=answer, findings=Findings(json_text=kept.findings, value=orjson.loads(kept.findings)))
    asked = await _ask_for_one(pieces, reduced)
    document = ReductionDocument(
        plan_sha256=plan_sha256(plan),
        answered=tuple(answered),
        model=pieces.cut.reduce_model,
        finish_reason=asked.answer.finish_reason,
        findings=asked.findings.json_text,
        attempts=tuple(one for one in pieces.claim.attempts if one.segment is None),
    )
    await finished_even_if_cancelled(patiently(lambda: ledger.record_reduction(document), wait=asyncio.sleep))
    return asked


async def _ask_for_one(pieces: Pieces, reduced: ToReduce) -> Asked:
    """Ask the text model. :raises ReductionFailed: with the last call's fault in words."""
    planner, model = pieces.tools.planner, pieces.cut.reduce_model
    try:
        call = reduction_call(
            pieces.job.request,
            pieces.whole,
            pieces.cut,
            reduced,
            card=planner.catalogue.card(model),
            region=planner.region,
            day=pieces.today,
        )
        pieces.require_budget(call.estimate.cost, model=model)
        # A request's fallbacks are for its own model.
        asker = replace(pieces.asker, is_last_model=True)
        if any(pointer.count("/") > 1 for pointer in reduced.timelines):
            # What its answer says of such a list's holder is not yet what the result says of it.
            asker = replace(asker, by=replace(asker.by, listen=None))
        return await ask(pieces.job, call, pieces.claim, asker=asker)
    except (PutOff, Stopped, LedgerUnreadable):
        raise
    except AnalysisError as fault:
        raise ReductionFailed(
            f"the segments were answered, and {model} made no one answer out of theirs: {fault.code}: {fault.message}",
            provider_code=fault.provider_code,
            http_status=fault.http_status,
        ) from fault


def _answer_of(text: str, *, model: str, finish_reason: str | None) -> Answer:
    """An answer that no call of this start gave."""
    return AnalysisDocument(fingerprint="", model=model, text=text, finish_reason=finish_reason).answer()
