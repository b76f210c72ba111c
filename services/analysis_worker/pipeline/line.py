"""A job in, how it ended out: plan, fetch, ask and validate, with neither broker nor ledger."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.answers.subtitles import NO_SUBTITLES, Subtitles, write_subtitles
from analysis_worker.completion import Ending, complete
from analysis_worker.errors import (
    AnalysisError,
    DeadlineExceeded,
    InternalError,
    LedgerUnreadable,
    PutOff,
    Stopped,
    StoreUnavailable,
)
from analysis_worker.expectation import modalities
from analysis_worker.journey import Journey
from analysis_worker.patience import CANCEL_GRACE_SECONDS, patiently
from analysis_worker.pipeline.answering import Answering, Work
from analysis_worker.pipeline.speaking import NOT_SPOKEN, Spoken, speak
from analysis_worker.receive import receive
from analysis_worker.values import Delivered, Job, Stage
from analysis_worker.wav import spoken_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from analysis_worker.accounts import Accounts
    from analysis_worker.analysis_ledger import AnalysisLedger
    from analysis_worker.ask import Asker
    from analysis_worker.cutting.scratch import ScratchSpace
    from analysis_worker.ledger import Claim
    from analysis_worker.long_media.segment_tools import SegmentTools
    from analysis_worker.pipeline.answering import Later
    from analysis_worker.planner import Planner
    from analysis_worker.progress import Progress
    from analysis_worker.provider.key_gate import KeyGate
    from analysis_worker.provider.model_api import ModelApi
    from analysis_worker.retry import RetryPolicy
    from analysis_worker.wav import WavFile
    from media_contracts import AnalysisCompleted, Artifact, WorkerInfo

log = logging.getLogger(__name__)
LOCAL_SECONDS: Final = 3600
"""How long `media-analysis analyze` may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The stages that need neither broker nor ledger: from a job to how it ended."""

    planner: Planner
    accounts: Accounts
    api: ModelApi
    policy: RetryPolicy
    key: KeyGate | None
    scratch: ScratchSpace
    worker: WorkerInfo
    now: Callable[[], datetime]
    segments: SegmentTools
    analyses: AnalysisLedger | None = None
    """Where a validated answer waits while it is read aloud; None: there is no ledger."""

    def accounts_of(self, job: Job) -> Accounts:
        """The accounts of one request."""
        return self.accounts.expecting(modalities(job.request, profiles=self.planner.profiles))

    async def analyse(
        self,
        job: Job,
        claim: Claim,
        journey: Journey,
        *,
        sound: WavFile,
        later: Later | None = None,
        progress: Progress | None = None,
    ) -> Ending:
        """Plan, ask, validate and speak within the deadline; `sound` takes the spoken answer.

        Always comes to an ending, unless it is cancelled, or `LedgerUnreadable` is raised.

        :raises PutOff: when `later` gave a copy for a retry topic; the claim is released then.
        """
        work = Work()
        fault: AnalysisError | None = None
        try:
            # A deadline in the past must still reach the plan, which rejects it by name.
            async with asyncio.timeout(max((job.deadline - self.now()).total_seconds(), 0) or None):
                answering = Answering(
                    line=self,
                    job=job,
                    claim=claim,
                    journey=journey,
                    work=work,
                    sound=sound,
                    later=later,
                    progress=progress,
                )
                asker = await answering.until_good()
            # The deadline of its own is no fault: what is validated stays so.
            work.spoken = await self._speak(job, claim, journey, work, asker)
        except TimeoutError:
            fault = DeadlineExceeded(self._late(job, claim, journey.current))
        except PutOff:
            # Unreleased it would count as a crash; the store is waited for as long as the request may wait.
            await self._released_in_time(job, claim)
            raise
        except (asyncio.CancelledError, Stopped, LedgerUnreadable):
            with suppress(StoreUnavailable, TimeoutError):  # unreleased, it grows stale instead
                async with asyncio.timeout(CANCEL_GRACE_SECONDS):
                    await claim.release()
            raise
        except AnalysisError as error:
            fault = error
        except Exception as error:
            log.exception("unforeseen", extra={"event": "internal_error", "stage": journey.current.value})
            fault = InternalError(
                f"{type(error).__name__} in the stage {journey.current.value}: a fault of the worker's"
            )
        return self._ending(job, claim, journey, work, fault)

    def _ending(self, job: Job, claim: Claim, journey: Journey, work: Work, fault: AnalysisError | None) -> Ending:
        subtitles = _subtitles(work) if fault is None else NO_SUBTITLES
        return Ending(
            attempts=claim.attempts,
            cost=self.accounts_of(job).total(claim.attempts),
            plan=work.plan,
            answer=work.answer,
            findings=work.findings if fault is None else None,
            spoken=work.spoken.file,
            subtitles=subtitles.files,
            coverage=work.coverage,
            segments=work.segments,
            warnings=(*work.warnings, *work.spoken.warnings, *subtitles.warnings),
            fault=fault,
            stage=journey.current,
            trace_id=journey.trace_id,
        )

    async def _released_in_time(self, job: Job, claim: Claim) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max((job.deadline - self.now()).total_seconds(), CANCEL_GRACE_SECONDS)):
                await patiently(claim.release, wait=asyncio.sleep)

    def _late(self, job: Job, claim: Claim, stage: Stage) -> str:
        """What a request waited for when its time was over."""
        said = f"the deadline {job.deadline.isoformat()} passed in the stage {stage.value}"
        if claim.attempts:
            said += f"; its last call ended as {claim.attempts[-1].outcome}"
        return f"{said}; {self.key.refusal}" if self.key is not None and self.key.refusal else said

    async def _speak(self, job: Job, claim: Claim, journey: Journey, work: Work, asker: Asker) -> Spoken:
        if work.plan is None or work.findings is None or work.plan.speech is None:
            return NOT_SPOKEN
        # A speech that fails is given up soon, and neither a fallback nor a retry topic is for it.
        by = replace(asker.by, heard=lambda _: None, listen=None)
        asker = replace(asker, by=by, is_last_model=False, key=None, later=None)
        with journey.stage(Stage.ASK):
            return await speak(job, work.plan, work.findings, claim, asker=asker, region=self.planner.region)

    async def answer(
        self, delivered: Delivered, claim: Callable[[Job], Claim], *, keep: Callable[[Ending], tuple[Artifact, ...]]
    ) -> tuple[AnalysisCompleted, str | None]:
        """The completion of one record, and its result's text, with nothing recorded or published; `keep` keeps its files.

        :raises DeadLettered: when the record is no valid request.
        """
        with Journey.begin(delivered, group="") as journey:
            with journey.stage(Stage.RECEIVE):
                job = receive(delivered, now=self.now(), tenant_topics={}, default_deadline_seconds=LOCAL_SECONDS)
                journey.identify(job)
            async with spoken_file(self.scratch) as sound:
                ending = await self.analyse(job, claim(job), journey, sound=sound)
                artifacts = keep(ending)
            completion = complete(job, ending, now=self.now(), worker=self.worker, artifacts=artifacts)
            return completion, ending.findings.json_text if ending.findings else None


def _subtitles(work: Work) -> Subtitles:
    pointer = work.plan.profile.subtitles if work.plan else None
    return write_subtitles(work.findings.value, pointer) if work.findings and pointer else NO_SUBTITLES
