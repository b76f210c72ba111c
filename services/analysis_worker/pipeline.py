"""A delivered record in, an acknowledged completion or dead letter out: the stages, one after the other.

The only module that imports the stages. What a stage raises decides how the request ends (errors.py); what nobody
foresaw ends as `internal_error`. A store that does not answer is waited for: without the ledger nothing may be asked
or published.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
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
from analysis_worker.plan import Planner, plan
from analysis_worker.propagation import link_to
from analysis_worker.publish import publish_completion, publish_dead_letter
from analysis_worker.recall import Answered, Busy, Claimed, Crashed, Recalled, recall
from analysis_worker.receive import receive
from analysis_worker.record import Recorder, record
from analysis_worker.retry import RetryPolicy
from analysis_worker.validate import validate
from analysis_worker.values import AnalysisPlan, Delivered, Findings, Job, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from analysis_worker.kafka.producer import Producer
    from analysis_worker.ledger import Claim, Ledger
    from analysis_worker.media_pipe import MediaPipe
    from analysis_worker.model_api import ModelApi
    from analysis_worker.settings import Settings
    from analysis_worker.stream import Answer
    from analysis_worker.window import Slot
    from media_contracts import Attempt, KafkaRecord, WorkerInfo

log = logging.getLogger(__name__)
MAX_REPLANS: Final = 3
OUTAGE_PAUSE_SECONDS: Final = 1.0


@dataclass(kw_only=True, slots=True)
class _Work:
    """What is known of a request so far, whatever happens next."""

    plan: AnalysisPlan | None = None
    answer: Answer | None = None
    findings: Findings | None = None
    replans: int = field(default=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """The line, and what its stages need."""

    settings: Settings
    planner: Planner
    ledger: Ledger
    recorder: Recorder
    accounts: Accounts
    api: ModelApi
    producer: Producer
    worker: WorkerInfo
    now: Callable[[], datetime]

    async def process(self, delivered: Delivered, slot: Slot) -> None:
        """Take one record all the way; returns when the broker has acknowledged its end.

        :raises Stopped: when the ledger holds what this release must not touch.
        """
        with Journey.begin(delivered, group=self.settings.kafka.group_id) as journey:
            try:
                with journey.stage(Stage.RECEIVE):
                    job = receive(
                        delivered,
                        now=self.now(),
                        tenant_topics=self.settings.kafka.tenant_topics,
                        default_deadline_seconds=self.settings.worker.default_deadline_seconds,
                    )
                    journey.identify(job)
                with journey.stage(Stage.RECALL):
                    recalled = await self._recall(job, slot)
            except DeadLettered as fault:
                journey.bury(fault)
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
                        ending = await self.analyse(job, claim, journey)
                        recorded, links = await self._record(job, ending, journey), ()
                case _:
                    assert_never(recalled)
            with journey.stage(Stage.PUBLISH):
                await publish_completion(recorded, producer=self.producer, links=links)

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
                    work.answer = await ask(job, work.plan, claim, asker=self._asker(journey))
                with journey.stage(Stage.VALIDATE):
                    work.findings = validate(work.answer, schema=work.plan.schema)
            except MediaChanged:
                work.replans += 1
                if work.replans >= MAX_REPLANS:
                    raise
            except StoreUnavailable:
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)
            else:
                return

    async def _recall(self, job: Job, slot: Slot) -> Answered | Claimed | Crashed:
        first = first_attempt(job.request, catalogue=self.planner.catalogue, default_model=self.planner.default_model)

        async def look() -> Recalled:
            return await recall(
                job,
                ledger=self.ledger,
                first=first,
                accounts=self.accounts,
                max_starts=self.settings.worker.max_starts,
            )

        while True:
            recalled = await patiently(look, wait=slot.wait)
            if not isinstance(recalled, Busy):
                return recalled
            await slot.wait(recalled.seconds)

    async def _record(self, job: Job, ending: Ending, journey: Journey) -> KafkaRecord:
        with journey.stage(Stage.RECORD):
            completion = complete(job, ending, now=self.now(), worker=self.worker)
            json_text = ending.findings.json_text if ending.findings else None
            recorded = await finished_even_if_cancelled(
                patiently(
                    lambda: record(job, completion, result_json=json_text, recorder=self.recorder), wait=asyncio.sleep
                )
            )
        journey.end(completion.outcome, code=completion.error.code if completion.error else None)
        return recorded

    async def _bury(self, delivered: Delivered, fault: DeadLettered, slot: Slot) -> None:
        letter = build_dead_letter(delivered, fault, now=self.now(), worker=f"{self.worker.name}/{self.worker.version}")
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
            cost=self.accounts.total(attempts),
            fault=WorkerCrashed(
                f"started {starts} times without an end (WORKER_MAX_STARTS): look at the workers' logs"
            ),
            stage=Stage.RECALL,
            trace_id=journey.trace_id,
        )

    def _asker(self, journey: Journey) -> Asker:
        return Asker(
            api=self.api,
            accounts=self.accounts,
            policy=RetryPolicy(max_attempts=self.settings.worker.max_attempts),
            now=self.now,
            fetch=lambda planned: self._fetch(planned, journey),
        )

    @asynccontextmanager
    async def _fetch(self, planned: AnalysisPlan, journey: Journey) -> AsyncIterator[MediaPipe]:
        with journey.fetching():
            async with fetch(planned, store=self.planner.store, signed_seconds=self.api.signed_seconds) as pipe:
                yield pipe
