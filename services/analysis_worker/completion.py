"""Pure: how a request ended in, the one `AnalysisCompleted` for it out (law 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from analysis_worker.accounts import listed
from analysis_worker.errors import AnalysisError, ContentFiltered, ProviderRefused, Rejected
from media_contracts import (
    AnalysisCompleted,
    Artifact,
    Attempt,
    Cost,
    ErrorInfo,
    MediaInfo,
    ProfileRef,
    RequestRef,
    SegmentInfo,
    Timings,
    Usage,
    WarningInfo,
    WorkerInfo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from analysis_worker.answers.subtitles import SubtitleFile
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.provider.stream import Answer
    from analysis_worker.values import AnalysisPlan, Findings, Job, PlannedMedia, Stage
    from analysis_worker.wav import SpokenFile

Outcome = Literal["succeeded", "failed", "rejected"]
SHOWN_FIELDS: Final = 32
SEGMENTED: Final = "segmented"
"""How a medium travels of which each call sees a piece."""
FINAL: Final = (Rejected, ProviderRefused, ContentFiltered)
"""Faults that the same request would meet again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How the work on a request ended; `fault` is None for a success, which has `findings` and `answer`."""

    attempts: tuple[Attempt, ...]
    cost: Cost | None
    plan: AnalysisPlan | None = None
    answer: Answer | None = None
    findings: Findings | None = None
    spoken: SpokenFile | None = None
    subtitles: tuple[SubtitleFile, ...] = ()
    warnings: tuple[WarningInfo, ...] = ()
    coverage: Literal["complete", "partial"] = "complete"
    segments: tuple[SegmentInfo, ...] = ()
    fault: AnalysisError | None = None
    stage: Stage
    trace_id: str | None


def outcome_of(ending: Ending) -> Outcome:
    """succeeded; rejected when no call was made; else failed: a paid call makes a rejection a failure."""
    if ending.fault is None:
        return "succeeded"
    called = any(attempt.usage.calls for attempt in ending.attempts)
    return "rejected" if isinstance(ending.fault, Rejected) and not called else "failed"


def complete(
    job: Job, ending: Ending, *, now: datetime, worker: WorkerInfo, artifacts: tuple[Artifact, ...] = ()
) -> AnalysisCompleted:
    """The completion; `artifacts` are what was stored of the ending. Its `result` is the parsed answer, whose text travels beside it."""
    request, plan, answer = job.request, ending.plan, ending.answer
    outcome = outcome_of(ending)
    # Connections that were never made are no calls, and a rejection has none.
    attempts = () if outcome == "rejected" else listed(ending.attempts)
    result = {} if ending.findings is None else {"result": ending.findings.value}
    return AnalysisCompleted(
        request_id=request.request_id,
        tenant=request.tenant,
        labels=request.labels,
        request=request_ref(job),
        outcome=outcome,
        coverage=ending.coverage,
        error=error_of(ending.fault, ending.stage) if ending.fault else None,
        artifacts=artifacts,
        warnings=tuple(_warnings(job, ending)),
        profile=_profile(plan),
        model=plan.model if plan else request.model.name,
        finish_reason=answer.finish_reason if answer else None,
        usage=Usage.sum(attempt.usage for attempt in attempts),
        cost=ending.cost,
        estimate=plan.estimate if plan else None,
        attempts=attempts,
        segments=ending.segments,
        media=tuple(_media(index, medium, plan.cut) for index, medium in enumerate(plan.media)) if plan else (),
        timings=_timings(job, answer, now=now),
        trace_id=ending.trace_id,
        completed_at=now,
        worker=worker,
        **result,
    )


def request_ref(job: Job) -> RequestRef:
    """Which request an event is about."""
    return RequestRef(
        source=job.identity.source,
        event_id=job.event.event_id,
        rerun=job.request.rerun,
        accepted_at=job.accepted_at,
    )


def error_of(fault: AnalysisError, stage: Stage) -> ErrorInfo:
    """What a completion says of a fault in that stage."""
    return ErrorInfo(
        code=fault.code,
        message=fault.message,
        stage=stage.value,
        retryable=not isinstance(fault, FINAL),
        provider_code=fault.provider_code,
        http_status=fault.http_status,
    )


def _warnings(job: Job, ending: Ending) -> Iterator[WarningInfo]:
    # Bounded, or a request full of them would end in a completion that fits no topic.
    for path in job.event.unknown_fields[:SHOWN_FIELDS]:
        yield WarningInfo(
            code="unknown_field", path=path, message="this release does not know the field and ignored it"
        )
    yield from ending.warnings
    if ending.attempts and ending.cost is None:
        models = ", ".join(sorted({attempt.model for attempt in ending.attempts}))
        yield WarningInfo(
            code="price_unknown", message=f"no price for {models} in this region: add one to the catalogue"
        )


def _profile(plan: AnalysisPlan | None) -> ProfileRef | None:
    if plan is None:
        return None
    return ProfileRef(name=plan.profile.name, version=plan.profile.version, schema_sha256=plan.schema.sha256)


def _media(index: int, medium: PlannedMedia, cut: CutPlan | None) -> MediaInfo:
    in_segments = cut is not None and cut.in_segments and cut.media_index == index
    stored = medium.objects[0] if medium.objects else None
    probed = medium.probed
    return MediaInfo(
        index=index,
        kind=medium.item.kind,
        bucket=stored.bucket if stored else None,
        key=stored.key if stored else None,
        version_id=stored.version_id if stored else None,
        etag=stored.etag if stored else None,
        content_type=probed.content_type if probed else None,
        width=probed.width if probed else None,
        height=probed.height if probed else None,
        duration_seconds=probed.duration_seconds if probed else None,
        fps=probed.fps if probed else None,
        size_bytes=sum(stored.size_bytes for stored in medium.objects) if medium.objects else None,
        delivery=SEGMENTED if in_segments else medium.delivery.value,
    )


def _timings(job: Job, answer: Answer | None, *, now: datetime) -> Timings:
    queued = job.accepted_at.timestamp() - job.delivered.timestamp_ms / 1000
    return Timings(
        queued_seconds=max(0.0, round(queued, 3)),
        first_token_seconds=answer.first_token_seconds if answer else None,
        stream_seconds=answer.stream_seconds if answer else None,
        total_seconds=max(0.0, round((now - job.accepted_at).total_seconds(), 3)),
    )
