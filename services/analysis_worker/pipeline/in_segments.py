"""A plan whose medium is cut in, one answer about the whole out: segments side by side, each kept once it is paid for.

What has ended is recorded before anything depends on it, so that no start of the request asks it again (law 2).
"""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from analysis_worker.errors import (
    AnalysisError,
    LedgerUnreadable,
    MediaChanged,
    MediaMissing,
    ModelMissing,
    ModelQuotaUsed,
    PlanAnew,
    ProviderBilling,
    ProviderUnauthorized,
    PutOff,
    Stopped,
)
from analysis_worker.fallback import ANOTHER_MODEL
from analysis_worker.long_media.absolute_times import in_whole_seconds, shifted
from analysis_worker.long_media.segment_call import expected_piece
from analysis_worker.long_media.segment_format import SUCCEEDED, SegmentDocument, plan_sha256
from analysis_worker.long_media.segment_ledger import SegmentLedger, Settled
from analysis_worker.long_media.segment_plan import plan_document, segment_of
from analysis_worker.long_media.segment_span import segment_span
from analysis_worker.patience import finished_even_if_cancelled, patiently
from analysis_worker.pipeline.one_answer import Ended, InSegmentsAsked, infos_of, put_together
from analysis_worker.pipeline.pieces import Pieces
from analysis_worker.prices import total_of
from analysis_worker.values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis_worker.ask import Asker
    from analysis_worker.ledger import Claim
    from analysis_worker.long_media.segment_tools import SegmentTools
    from analysis_worker.long_media.segments import Segment
    from analysis_worker.values import AnalysisPlan, Job
    from media_contracts import SegmentInfo, WarningInfo

OF_THE_REQUEST: Final = (
    *(PutOff, PlanAnew, Stopped, LedgerUnreadable, MediaChanged, MediaMissing),
    *(ModelMissing, ModelQuotaUsed, ProviderUnauthorized, ProviderBilling),
)
"""Faults that say nothing of the one segment: every other would meet them, or all are to be asked anew."""


async def ask_in_segments(
    job: Job,
    plan: AnalysisPlan,
    claim: Claim,
    *,
    asker: Asker,
    tools: SegmentTools,
    warn: Callable[[WarningInfo], None],
    tell: Callable[[tuple[SegmentInfo, ...]], None],
) -> InSegmentsAsked:
    """Ask about a medium piece by piece; `warn` and `tell` hear what a fault must not hide.

    :raises AnalysisError: as `ask`; that of a segment names it, and comes only under `on_segment_failure: fail` or when
        all have failed. :raises ReductionFailed: when their answers could not be made one.
    :raises PutOff: after the calls that were under way have ended.
    """
    if plan.cut is None:
        raise ValueError("nothing is cut in this plan")
    pieces = Pieces(job=job, whole=plan, cut=plan.cut, claim=claim, asker=asker, tools=tools)
    if not plan.cut.in_segments:
        return await _ask_alone(pieces)
    ended = await _begun(replace(pieces, asker=replace(asker, sound=None)), warn)
    _require_budget(ended)
    try:
        await _Asking(ended).all_ended()
        return await put_together(ended)
    except BaseException:
        tell(infos_of(ended))
        raise


async def _ask_alone(pieces: Pieces) -> InSegmentsAsked:
    """One piece: a clip, or the whole, encoded smaller. Its call is like any other but for what it sees."""
    made = await pieces.ask(pieces.cut.segments[0])
    found = made.asked.findings
    if made.start_seconds and pieces.cut.timelines and not pieces.whole.profile.free_text:
        value = shifted(found.value, timelines=pieces.cut.timelines, by_seconds=made.start_seconds)
        value = in_whole_seconds(value, schema=pieces.whole.schema.document)
        found = Findings(json_text=orjson.dumps(value).decode(), value=value)
    # The text is what a later start takes up, which knows nothing of where the piece began.
    answer = made.asked.answer if found is made.asked.findings else replace(made.asked.answer, text=found.json_text)
    return InSegmentsAsked(answer=answer, findings=found)


async def _begun(pieces: Pieces, warn: Callable[[WarningInfo], None]) -> Ended:
    """What an earlier start has left: its plan rules, its finished segments are taken, its scratch objects removed."""
    job, cut, tools = pieces.job, pieces.cut, pieces.tools
    planned = plan_document(job, pieces.whole, {cut.media_index: cut.segments}, reduce_model=cut.reduce_model)
    if tools.store is None:
        return Ended(
            pieces=pieces,
            settled=Settled(plan=planned, finished={}, is_first=True),
            ledger=None,
            documents={},
        )
    ledger = SegmentLedger(store=tools.store, bucket=tools.bucket, prefix=job.ledger_prefix)
    settled = await patiently(lambda: ledger.settle(planned), wait=asyncio.sleep)
    if settled.warning is not None:
        warn(settled.warning)
    if pieces.objects is not None and not settled.is_first:
        await pieces.objects.remove_left(settled.most_left)
    pieces.claim.correct([attempt for document in settled.finished.values() for attempt in document.attempts])
    cut = replace(cut, segments=tuple(segment_of(segment) for segment in settled.plan.segments))
    return Ended(pieces=replace(pieces, cut=cut), settled=settled, ledger=ledger, documents=dict(settled.finished))


def _require_budget(ended: Ended) -> None:
    """Hold what is still to be asked against what is left. Raises what `limits.require_budget` raises."""
    pieces, cut, card = ended.pieces, ended.pieces.cut, ended.pieces.whole.card
    if pieces.job.request.limits.max_cost is None:
        return
    medium, public = pieces.whole.media[cut.media_index], pieces.tools.planner.store.public
    bounds = [
        pieces.call(segment, expected_piece(medium, segment, card=card, public=public)).estimate.cost
        for segment in cut.segments
        if segment.index not in ended.documents
    ]
    has_price = cut.reduction is None or cut.reduction.cost is not None
    if cut.reduction is not None:
        bounds.append(cut.reduction.cost)
    if bounds:
        pieces.require_budget(total_of(bounds), model=pieces.whole.model if has_price else cut.reduce_model)


class _Asking:
    """The segments that are left, asked side by side."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._pieces = ended.pieces
        self._turns = asyncio.Semaphore(ended.pieces.tools.at_once)
        self._is_put_off = False

    async def all_ended(self) -> None:
        """Ask about all that is left; what is under way ends when one is put off, and is cut off when one fails."""
        left = [segment for segment in self._pieces.cut.segments if segment.index not in self._ended.documents]
        tasks = {asyncio.create_task(self._one(segment)) for segment in left}
        later: PutOff | None = None
        try:
            while tasks:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for fault in [fault for task in done if (fault := task.exception()) is not None]:
                    if not isinstance(fault, PutOff):
                        raise fault
                    later = later or fault
        finally:
            await _cut_off(tasks)
        if later is not None:
            raise later

    async def _one(self, segment: Segment) -> None:
        """Ask about one segment and record how it ended.

        :raises AnalysisError: what is not this segment's alone, or ends the request with it.
        """
        async with self._turns, self._pieces.tools.turns:
            if self._is_put_off:
                return
            with segment_span(segment):
                try:
                    made = await self._pieces.ask(segment)
                except PutOff:
                    self._is_put_off = True
                    raise
                except AnalysisError as fault:
                    if self._is_of_request(fault):
                        raise
                    await self._failed(segment, fault)
                else:
                    findings, start = made.asked.findings.json_text, made.start_seconds
                    await self._record(segment, outcome=SUCCEEDED, findings=findings, start_seconds=start)

    def _is_of_request(self, fault: AnalysisError) -> bool:
        has_next = not self._pieces.asker.is_last_model
        return isinstance(fault, OF_THE_REQUEST) or (has_next and isinstance(fault, ANOTHER_MODEL))

    async def _failed(self, segment: Segment, fault: AnalysisError) -> None:
        """Record it. :raises AnalysisError: the fault, naming the segment, when the request fails with it."""
        named = copy.copy(fault)
        named.message = (
            f"segment {segment.index} of {len(self._pieces.cut.segments)} ({segment.start_seconds:.1f} to"
            f" {segment.end_seconds:.1f} s): {fault.message}"
        )
        self._ended.faults[segment.index] = named
        await self._record(segment, outcome=fault.code, message=fault.message, start_seconds=segment.start_seconds)
        if self._pieces.job.request.on_segment_failure == "fail":
            raise named from fault

    async def _record(
        self,
        segment: Segment,
        *,
        outcome: str,
        start_seconds: float,
        findings: str | None = None,
        message: str | None = None,
    ) -> None:
        document = SegmentDocument(
            plan_sha256=plan_sha256(self._ended.settled.plan),
            index=segment.index,
            outcome=outcome,
            start_seconds=start_seconds,
            findings=findings,
            message=message,
            attempts=tuple(one for one in self._pieces.claim.attempts if one.segment == segment.index),
        )
        self._ended.documents[segment.index] = document
        ledger = self._ended.ledger
        if ledger is not None:
            writing = patiently(lambda: ledger.record(document), wait=asyncio.sleep)
            await finished_even_if_cancelled(writing)


async def _cut_off(tasks: set[asyncio.Task[None]]) -> None:
    """End them now, their calls closed; their faults are nobody's any more."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()
