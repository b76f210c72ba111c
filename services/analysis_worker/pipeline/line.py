"""A job in, how it ended out: plan, fetch, ask and validate, with neither broker nor ledger."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.accounts import Accounts, spent
from analysis_worker.ask import Asker, ask
from analysis_worker.completion import Ending, complete
from analysis_worker.errors import (
    AnalysisError,
    DeadlineExceeded,
    InternalError,
    LedgerUnreadable,
    MediaChanged,
    ProbeUnavailable,
    PutOff,
    Stopped,
    StoreUnavailable,
)
from analysis_worker.expectation import modalities
from analysis_worker.fallback import Candidates
from analysis_worker.fetch import fetch
from analysis_worker.journey import Journey
from analysis_worker.patience import CANCEL_GRACE_SECONDS, patiently
from analysis_worker.pipeline.speaking import NOT_SPOKEN, Spoken, speak
from analysis_worker.plan import plan
from analysis_worker.receive import receive
from analysis_worker.speech import SpokenAfter
from analysis_worker.subtitles import NO_SUBTITLES, Subtitles, write_subtitles
from analysis_worker.tries import most_counted
from analysis_worker.validate import take_words, validate
from analysis_worker.values import AnalysisPlan, Delivered, Delivery, Findings, Job, Stage
from analysis_worker.wav import spoken_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from analysis_worker.analysis_ledger import AnalysisDocument, AnalysisLedger
    from analysis_worker.key_gate import KeyGate
    from analysis_worker.ledger import Claim
    from analysis_worker.media_pipe import MediaPipe
    from analysis_worker.model_api import ModelApi
    from analysis_worker.planner import Planner
    from analysis_worker.retry import RetryPolicy
    from analysis_worker.scratch import ScratchSpace
    from analysis_worker.stream import Answer
    from analysis_worker.wav import WavFile
    from media_contracts import AnalysisCompleted, Artifact, KafkaRecord, WorkerInfo

    Later = Callable[[float], KafkaRecord | None]
    """Seconds to wait → the copy for a retry topic, or None when none would be in time."""

log = logging.getLogger(__name__)
MAX_REPLANS: Final = 3
OUTAGE_PAUSE_SECONDS: Final = 1.0
LOCAL_SECONDS: Final = 3600
"""How long `media-analysis analyze` may take."""


@dataclass(kw_only=True, slots=True)
class _Work:
    """What is known of a request so far, whatever happens next."""

    plan: AnalysisPlan | None = None
    answer: Answer | None = None
    findings: Findings | None = None
    spoken: Spoken = NOT_SPOKEN
    replans: int = 0

    def hear(self, answer: Answer) -> None:
        """Keep the latest answer, whole or not."""
        self.answer = answer


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
    analyses: AnalysisLedger | None = None
    """Where a validated answer waits while it is read aloud; None: there is no ledger."""

    def accounts_of(self, job: Job) -> Accounts:
        """The accounts of one request."""
        return self.accounts.expecting(modalities(job.request, profiles=self.planner.profiles))

    async def analyse(
        self, job: Job, claim: Claim, journey: Journey, *, sound: WavFile, later: Later | None = None
    ) -> Ending:
        """Plan, ask, validate and speak within the deadline; `sound` takes the spoken answer.

        Always comes to an ending, unless it is cancelled, or `LedgerUnreadable` is raised.

        :raises PutOff: when `later` gave a copy for a retry topic; the claim is released then.
        """
        work = _Work()
        fault: AnalysisError | None = None
        try:
            # A deadline in the past must still reach the plan, which rejects it by name.
            async with asyncio.timeout(max((job.deadline - self.now()).total_seconds(), 0) or None):
                asker = await self._until_validated(job, claim, journey, work, sound=sound, later=later)
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
        subtitles = _subtitles(work) if fault is None else NO_SUBTITLES
        return Ending(
            attempts=claim.attempts,
            cost=self.accounts_of(job).total(claim.attempts),
            plan=work.plan,
            answer=work.answer,
            findings=work.findings if fault is None else None,
            spoken=work.spoken.file,
            subtitles=subtitles.files,
            warnings=(*work.spoken.warnings, *subtitles.warnings),
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

    async def _until_validated(
        self, job: Job, claim: Claim, journey: Journey, work: _Work, *, sound: WavFile, later: Later | None
    ) -> Asker:
        """Plan, ask, validate; again when the object changed, the store was away, or another model is allowed."""
        models = Candidates(
            job.request,
            default_model=self.planner.default_model,
            is_tired=lambda name: most_counted(claim.attempts, model=name) >= self.policy.max_attempts,
        )
        kept = await self._kept(job, claim)
        while True:
            try:
                with journey.stage(Stage.PLAN):
                    work.plan = await plan(
                        job,
                        planner=self.planner,
                        now=self.now(),
                        # What is kept is paid for: no budget can be against it any more.
                        spent=spent(claim.attempts) if kept is None else None,
                        model=models.current if kept is None else kept.model,
                    )
                with journey.stage(Stage.ASK):
                    asker = self._asker(job, journey, work, is_last_model=not models.has_next, later=later, sound=sound)
                    work.answer = kept.answer() if kept else await ask(job, work.plan, claim, asker=asker)
                with journey.stage(Stage.VALIDATE):
                    work.findings = _findings(work.answer, work.plan)
                if kept is None:
                    await self._keep(job, work)
            except MediaChanged:
                work.replans += 1
                if work.replans >= MAX_REPLANS:
                    raise
            except StoreUnavailable as error:
                log.warning("store unavailable", extra={"event": "store_retried", "error": error.message})
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)
            except ProbeUnavailable as error:
                log.warning("no probe", extra={"event": "probe_retried", "error": error.message})
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)
            except PutOff:
                raise
            except AnalysisError as fault:
                left, model = models.current, models.move_on(fault)
                log.warning(
                    "another model",
                    extra={"event": "model_fallback", "left": left, "model": model, "error": fault.message},
                )
            else:
                return asker

    def _asker(
        self, job: Job, journey: Journey, work: _Work, *, is_last_model: bool, later: Later | None, sound: WavFile
    ) -> Asker:
        return Asker(
            api=self.api,
            accounts=self.accounts_of(job),
            policy=self.policy,
            now=self.now,
            heard=work.hear,
            fetch=lambda planned: self._fetch(planned, journey),
            is_last_model=is_last_model,
            key=self.key,
            later=later,
            sound=sound,
        )

    async def _kept(self, job: Job, claim: Claim) -> AnalysisDocument | None:
        """The validated answer of an earlier start whose reading aloud came to no end."""
        analyses = self.analyses
        if analyses is None or job.request.speech is None or not claim.attempts:
            return None
        return await patiently(lambda: analyses.kept(job), wait=asyncio.sleep)

    async def _keep(self, job: Job, work: _Work) -> None:
        analyses, planned, answer = self.analyses, work.plan, work.answer
        if analyses is None or planned is None or answer is None or not isinstance(planned.speech, SpokenAfter):
            return
        await patiently(lambda: analyses.keep(job, answer, model=planned.model), wait=asyncio.sleep)

    async def _speak(self, job: Job, claim: Claim, journey: Journey, work: _Work, asker: Asker) -> Spoken:
        if work.plan is None or work.findings is None or work.plan.speech is None:
            return NOT_SPOKEN
        # A speech that fails is given up soon, and neither a fallback nor a retry topic is for it.
        asker = replace(asker, heard=lambda _: None, is_last_model=False, key=None, later=None)
        with journey.stage(Stage.ASK):
            return await speak(job, work.plan, work.findings, claim, asker=asker, region=self.planner.region)

    @asynccontextmanager
    async def _fetch(self, planned: AnalysisPlan, journey: Journey) -> AsyncIterator[MediaPipe]:
        async with AsyncExitStack() as stack:
            reading = stack.enter_context(ExitStack())
            reading.enter_context(journey.fetching())
            pipe = await stack.enter_async_context(
                fetch(planned, store=self.planner.store, signed_seconds=self.api.signed_seconds)
            )
            if not any(medium.delivery is Delivery.INLINE for medium in planned.media):
                reading.close()  # the model reads by itself; only a byte pipe lasts as long as the call
            yield pipe

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


def _subtitles(work: _Work) -> Subtitles:
    pointer = work.plan.profile.subtitles if work.plan else None
    return write_subtitles(work.findings.value, pointer) if work.findings and pointer else NO_SUBTITLES


def _findings(answer: Answer, planned: AnalysisPlan) -> Findings:
    return take_words(answer) if planned.profile.free_text else validate(answer, schema=planned.schema)
