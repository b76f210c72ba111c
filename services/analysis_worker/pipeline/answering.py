"""A claimed job in, its plan and a good answer out: again when the object changed, the store was away, or another
model or less media at a time is to be asked.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry.context import get_current

from analysis_worker.accounts import spent
from analysis_worker.answers.ladder import Rung
from analysis_worker.ask import Asked, Asker, ask
from analysis_worker.attempt import Attempter
from analysis_worker.cutting.picture_media import PictureTools, shrunk_pictures
from analysis_worker.errors import (
    AnalysisError,
    MediaChanged,
    PlanAnew,
    ProbeUnavailable,
    PutOff,
    Rejected,
    StoreUnavailable,
)
from analysis_worker.fallback import Candidates
from analysis_worker.fetch import fetch
from analysis_worker.long_media.segment_media import SegmentStore
from analysis_worker.patience import OUTAGE_PAUSE_SECONDS, patiently
from analysis_worker.pipeline.in_segments import ask_in_segments
from analysis_worker.pipeline.speaking import NOT_SPOKEN, Spoken
from analysis_worker.plan import plan
from analysis_worker.speech import SpokenAfter
from analysis_worker.tries import is_tired
from analysis_worker.validate import judge
from analysis_worker.values import AnalysisPlan, Delivery, Findings, Job, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from analysis_worker.analysis_ledger import AnalysisDocument
    from analysis_worker.journey import Journey
    from analysis_worker.ledger import Claim
    from analysis_worker.media.media_pipe import MediaPipe
    from analysis_worker.pipeline.line import Line
    from analysis_worker.pipeline.one_answer import InSegmentsAsked
    from analysis_worker.progress import Progress
    from analysis_worker.provider.stream import Answer
    from analysis_worker.wav import WavFile
    from media_contracts import KafkaRecord, SegmentInfo, WarningInfo

    Later = Callable[[float], KafkaRecord | None]
    """Seconds to wait → the copy for a retry topic, or None when none would be in time."""

log = logging.getLogger(__name__)
MAX_REPLANS: Final = 3


@dataclass(kw_only=True, slots=True)
class Work:
    """What is known of a request so far, whatever happens next."""

    plan: AnalysisPlan | None = None
    answer: Answer | None = None
    findings: Findings | None = None
    spoken: Spoken = NOT_SPOKEN
    coverage: Literal["complete", "partial"] = "complete"
    segments: tuple[SegmentInfo, ...] = ()
    warnings: list[WarningInfo] = field(default_factory=list)

    def hear(self, answer: Answer) -> None:
        """Keep the latest answer, whole or not."""
        self.answer = answer

    def hear_segments(self, segments: tuple[SegmentInfo, ...]) -> None:
        """Keep how far the segments came."""
        self.segments = segments

    def take(self, asked: Asked) -> None:
        """Keep a good answer."""
        self.answer, self.findings, self.segments = asked.answer, asked.findings, ()

    def take_pieces(self, asked: InSegmentsAsked) -> None:
        """Keep a good answer about a medium that was cut."""
        self.answer, self.findings = asked.answer, asked.findings
        self.coverage, self.segments = asked.coverage, asked.segments
        self.warnings += asked.warnings


@dataclass(kw_only=True, slots=True)
class Answering:
    """One request on its way to a good answer; `work` is told of every step."""

    line: Line
    job: Job
    claim: Claim
    journey: Journey
    work: Work
    sound: WavFile
    later: Later | None
    progress: Progress | None = None
    """Where what is known so far goes, when somebody asked for it."""
    _models: Candidates = field(init=False)
    _replans: int = 0
    _less_media: bool = False
    """Ask about less at a time: the answer about the whole medium was too long, as `_too_long` tells it."""
    _too_long: AnalysisError | None = None

    def __post_init__(self) -> None:
        """Go on as earlier starts did; leave out the models that earlier starts were done with."""
        line, claim = self.line, self.claim
        self._less_media = any(one.reason == Rung.LESS_MEDIA for one in claim.attempts)
        self._models = Candidates(
            self.job.request,
            default_model=line.planner.default_model,
            is_tired=lambda name: is_tired(claim.attempts, model=name, most=line.policy.max_attempts),
            begun=next((one.model for one in reversed(claim.attempts) if one.segment is not None), None),
        )

    async def until_good(self) -> Asker:
        """Plan and ask until an answer is good; returns what can ask further for the same request.

        Raises what `plan` and `ask` raise, when nothing else may be asked.
        """
        kept = await self._kept()
        while True:
            try:
                return await self._once(kept)
            except MediaChanged:
                self._replans += 1
                if self._replans >= MAX_REPLANS:
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
                self._move_on(fault)

    async def _once(self, kept: AnalysisDocument | None) -> Asker:
        job, claim, journey, work = self.job, self.claim, self.journey, self.work
        with journey.stage(Stage.PLAN):
            planned = await plan(
                job,
                planner=self.line.planner,
                now=self.line.now(),
                # What is kept is paid for: no budget can be against it any more.
                spent=spent(claim.attempts) if kept is None else None,
                model=self._models.current if kept is None else kept.model,
                less_media=self._less_media,
            )
            work.plan = planned = replace(planned, reason=Rung.LESS_MEDIA if self._less_media else self._models.reason)
        with journey.stage(Stage.ASK):
            asker = self._asker()
            in_segments = planned.cut is not None and planned.cut.in_segments
            if kept is not None and not in_segments:
                work.take(Asked(answer=kept.answer(), findings=judge(kept.answer(), planned)))
            elif planned.cut is not None:
                tools, warn, tell = self.line.segments, work.warnings.append, work.hear_segments
                asked = await ask_in_segments(job, planned, claim, asker=asker, tools=tools, warn=warn, tell=tell)
                work.take_pieces(asked)
            else:
                async with self._as_sent(planned) as sent:
                    work.take(await ask(job, sent, claim, asker=asker))
        if kept is None and not in_segments:  # segments and what is made of them are in the ledger already
            await self._keep()
        return asker

    @asynccontextmanager
    async def _as_sent(self, planned: AnalysisPlan) -> AsyncIterator[AnalysisPlan]:
        """The plan with the pictures that are sent smaller, as long as they lie on scratch space."""
        if not planned.pictures:
            yield planned
            return
        own = self.line.segments
        tools = PictureTools(store=own.planner.store, cutter=own.planner.cutter, space=own.space, folder=own.folder)
        name = self.job.completion_id
        async with shrunk_pictures(planned.media, planned.pictures, tools=tools, name=name) as media:
            yield replace(planned, media=media)

    def _move_on(self, fault: AnalysisError) -> None:
        """Ask otherwise from now on: about less at a time, or another model. :raises AnalysisError: when nothing may be."""
        if isinstance(fault, PlanAnew) and fault.less_media:
            self._less_media, self._too_long = True, fault.fault
            extra = {"event": "asked_again", "model": self._models.current, "reason": Rung.LESS_MEDIA.value}
            log.warning("the answer is not good", extra=extra | {"error": fault.message})
            return
        if self._less_media and isinstance(fault, Rejected):  # in pieces it fits no limit or no budget
            self._less_media = False
            if self._too_long is None:
                return
            fault = PlanAnew(self._too_long, less_media=False)
        self._less_media = False
        left, model = self._models.current, self._models.move_on(fault)
        extra = {"event": "model_fallback", "left": left, "model": model, "error": fault.message}
        log.warning("another model", extra=extra)

    def _asker(self) -> Asker:
        journey, asking = self.journey, get_current()

        def judged(answer: Answer, planned: AnalysisPlan) -> Findings:
            with journey.stage(Stage.VALIDATE, within=asking):
                return judge(answer, planned)

        return Asker(
            by=Attempter(
                api=self.line.api,
                accounts=self.line.accounts_of(self.job),
                fetch=self._fetch,
                judge=judged,
                heard=self.work.hear,
                listen=self.progress.attempt if self.progress else None,
            ),
            policy=self.line.policy,
            now=self.line.now,
            is_last_model=not self._models.has_next,
            key=self.line.key,
            later=self.later,
            sound=self.sound,
        )

    async def _kept(self) -> AnalysisDocument | None:
        """The validated answer of an earlier start whose reading aloud came to no end."""
        analyses = self.line.analyses
        if analyses is None or self.job.request.speech is None or not self.claim.attempts:
            return None
        return await patiently(lambda: analyses.kept(self.job), wait=asyncio.sleep)

    async def _keep(self) -> None:
        analyses, planned, answer = self.line.analyses, self.work.plan, self.work.answer
        if analyses is None or planned is None or answer is None or not isinstance(planned.speech, SpokenAfter):
            return
        await patiently(lambda: analyses.keep(self.job, answer, model=planned.model), wait=asyncio.sleep)

    @asynccontextmanager
    async def _fetch(self, planned: AnalysisPlan) -> AsyncIterator[MediaPipe]:
        self.journey.current = Stage.ASK  # also after an answer that was not good
        async with AsyncExitStack() as stack:
            reading = stack.enter_context(ExitStack())
            reading.enter_context(self.journey.fetching())
            pipe = await stack.enter_async_context(
                fetch(
                    planned,
                    store=SegmentStore(store=self.line.planner.store),
                    signed_seconds=self.line.api.signed_seconds,
                )
            )
            if not any(medium.delivery is Delivery.INLINE for medium in planned.media):
                reading.close()  # the model reads by itself; only a byte pipe lasts as long as the call
            yield pipe
