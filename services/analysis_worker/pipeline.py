"""A delivered record in, an acknowledged completion or dead letter out: the stages, one after the other.

The only module that imports the stages. What a stage raises decides how the request ends (errors.py); what nobody
foresaw ends as `internal_error`. A store that does not answer is waited for: without the ledger nothing may be asked
or published.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.accounts import Accounts, spent
from analysis_worker.ask import Asker, ask
from analysis_worker.completion import Ending, complete
from analysis_worker.dead_letter import build_dead_letter, fit
from analysis_worker.errors import (
    AnalysisError,
    DeadLettered,
    DeadlineExceeded,
    InternalError,
    MediaChanged,
    Stopped,
    StoreUnavailable,
    WorkerCrashed,
)
from analysis_worker.expectation import first_attempt
from analysis_worker.fetch import fetch
from analysis_worker.journey import Journey
from analysis_worker.patience import finished_even_if_cancelled, patiently
from analysis_worker.plan import plan
from analysis_worker.propagation import link_to
from analysis_worker.publish import publish_completion, publish_dead_letter
from analysis_worker.recall import Answered, Busy, Claimed, Crashed, Recalled, recall
from analysis_worker.receive import receive
from analysis_worker.record import record
from analysis_worker.retry import RetryPolicy
from analysis_worker.validate import validate
from analysis_worker.values import AnalysisPlan, Delivered, Delivery, Findings, Job, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from analysis_worker.kafka.producer import Producer
    from analysis_worker.ledger import Claim, Ledger
    from analysis_worker.media_pipe import MediaPipe
    from analysis_worker.metrics import Metrics
    from analysis_worker.model_api import ModelApi
    from analysis_worker.planner import Planner
    from analysis_worker.recorder import Recorder
    from analysis_worker.settings import Settings
    from analysis_worker.stream import Answer
    from analysis_worker.window import Slot
    from media_contracts import AnalysisCompleted, Attempt, KafkaRecord, WorkerInfo

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
    max_attempts: int
    worker: WorkerInfo
    now: Callable[[], datetime]

    async def analyse(self, job: Job, claim: Claim, journey: Journey) -> Ending:
        """Plan, ask and validate within the deadline; always comes to an ending, unless it is cancelled."""
        work = _Work()
        fault: AnalysisError | None = None
        try:
            # A deadline in the past must still reach the plan, which rejects it by name.
            async with asyncio.timeout(max((job.deadline - self.now()).total_seconds(), 0) or None):
                await self._until_validated(job, claim, journey, work)
        except TimeoutError:
            fault = DeadlineExceeded(
                f"the deadline {job.deadline.isoformat()} passed in the stage {journey.current.value}"
            )
        except asyncio.CancelledError:
            await finished_even_if_cancelled(claim.release())
            raise
        except Stopped:
            raise
        except AnalysisError as error:
            fault = error
        except Exception as error:
            log.exception("unforeseen", extra={"event": "internal_error", "stage": journey.current.value})
            fault = InternalError(
                f"{type(error).__name__} in the stage {journey.current.value}: a fault of the worker's"
            )
        return Ending(
            attempts=claim.attempts,
            cost=self.accounts.total(claim.attempts),
            plan=work.plan,
            answer=work.answer,
            findings=work.findings if fault is None else None,
            fault=fault,
            stage=journey.current,
            trace_id=journey.trace_id,
        )

    async def _until_validated(self, job: Job, claim: Claim, journey: Journey, work: _Work) -> None:
        """Plan, ask, validate; again when the object changed under us, or when the store was away."""
        while True:
            try:
                with journey.stage(Stage.PLAN):
                    work.plan = await plan(job, planner=self.planner, now=self.now(), spent=spent(claim.attempts))
                with journey.stage(Stage.ASK):
                    work.answer = await ask(job, work.plan, claim, asker=self._asker(journey, work))
                with journey.stage(Stage.VALIDATE):
                    work.findings = validate(work.answer, schema=work.plan.schema)
            except MediaChanged:
                work.replans += 1
                if work.replans >= MAX_REPLANS:
                    raise
            except StoreUnavailable as error:
                log.warning("store unavailable", extra={"event": "store_retried", "error": error.message})
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)
            else:
                return

    def _asker(self, journey: Journey, work: _Work) -> Asker:
        return Asker(
            api=self.api,
            accounts=self.accounts,
            policy=RetryPolicy(max_attempts=self.max_attempts),
            now=self.now,
            heard=work.hear,
            fetch=lambda planned: self._fetch(planned, journey),
        )

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

    async def answer(self, delivered: Delivered, claim: Callable[[Job], Claim]) -> tuple[AnalysisCompleted, str | None]:
        """The completion of one record, and its result's text, with nothing recorded or published.

        :raises DeadLettered: when the record is no valid request.
        """
        with Journey.begin(delivered, group="") as journey:
            with journey.stage(Stage.RECEIVE):
                job = receive(delivered, now=self.now(), tenant_topics={}, default_deadline_seconds=LOCAL_SECONDS)
                journey.identify(job)
            ending = await self.analyse(job, claim(job), journey)
            completion = complete(job, ending, now=self.now(), worker=self.worker)
            return completion, ending.findings.json_text if ending.findings else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """The whole line, from the record to the broker's receipt."""

    settings: Settings
    line: Line
    ledger: Ledger
    recorder: Recorder
    producer: Producer
    metrics: Metrics

    async def process(self, delivered: Delivered, slot: Slot) -> None:
        """Take one record all the way; returns when the broker has acknowledged its end.

        :raises Stopped: when the ledger holds what this release must not touch.
        """
        with Journey.begin(delivered, group=self.settings.kafka.group_id) as journey:
            try:
                with journey.stage(Stage.RECEIVE):
                    job = receive(
                        delivered,
                        now=self.line.now(),
                        tenant_topics=self.settings.kafka.tenant_topics,
                        default_deadline_seconds=self.settings.worker.default_deadline_seconds,
                    )
                    journey.identify(job)
                with journey.stage(Stage.RECALL):
                    recalled = await self._recall(job, slot)
            except DeadLettered as fault:
                journey.bury(fault)
                self.metrics.count_dead_letter(fault.reason)
                with journey.stage(Stage.PUBLISH):
                    await self._bury(delivered, fault, slot)
                return
            match recalled:
                case Answered(completion=recorded):
                    links = link_to(recorded)
                case Crashed(attempts=attempts):
                    recorded, links = await self._record(job, self._crashed(attempts, journey), journey), ()
                case Claimed(claim=claim):
                    async with claim.kept_alive():
                        ending = await self.line.analyse(job, claim, journey)
                        recorded, links = await self._record(job, ending, journey), ()
                case _:
                    assert_never(recalled)
            with journey.stage(Stage.PUBLISH):
                await publish_completion(recorded, producer=self.producer, links=links)

    async def _recall(self, job: Job, slot: Slot) -> Answered | Claimed | Crashed:
        first = first_attempt(
            job.request, catalogue=self.line.planner.catalogue, default_model=self.line.planner.default_model
        )

        async def look() -> Recalled:
            return await recall(
                job,
                ledger=self.ledger,
                first=first,
                accounts=self.line.accounts,
                max_starts=self.settings.worker.max_starts,
            )

        while True:
            recalled = await patiently(look, wait=slot.wait)
            if not isinstance(recalled, Busy):
                return recalled
            await slot.wait(recalled.seconds)

    async def _record(self, job: Job, ending: Ending, journey: Journey) -> KafkaRecord:
        with journey.stage(Stage.RECORD):
            completion = complete(job, ending, now=self.line.now(), worker=self.line.worker)
            json_text = ending.findings.json_text if ending.findings else None
            recorded = await finished_even_if_cancelled(
                patiently(
                    lambda: record(job, completion, result_json=json_text, recorder=self.recorder), wait=asyncio.sleep
                )
            )
        self.metrics.count(completion)
        journey.end(completion.outcome, code=completion.error.code if completion.error else None)
        return recorded

    async def _bury(self, delivered: Delivered, fault: DeadLettered, slot: Slot) -> None:
        letter = build_dead_letter(
            delivered, fault, now=self.line.now(), worker=f"{self.line.worker.name}/{self.line.worker.version}"
        )
        fitting = await patiently(
            lambda: fit(
                letter,
                delivered,
                store=self.recorder.store,
                bucket=self.recorder.bucket,
                max_bytes=self.recorder.max_value_bytes,
            ),
            wait=slot.wait,
        )
        await publish_dead_letter(fitting, producer=self.producer)

    def _crashed(self, attempts: tuple[Attempt, ...], journey: Journey) -> Ending:
        starts = self.settings.worker.max_starts
        return Ending(
            attempts=attempts,
            cost=self.line.accounts.total(attempts),
            fault=WorkerCrashed(
                f"started {starts} times without an end (WORKER_MAX_STARTS): look at the workers' logs"
            ),
            stage=Stage.RECALL,
            trace_id=journey.trace_id,
        )
