"""A delivered record in, an acknowledged completion or dead letter out: the stages, one after the other.

The only module that imports the stages. What a stage raises decides how the request ends (errors.py); what nobody
foresaw ends as `internal_error`. A store that does not answer is waited for: without the ledger nothing may be asked
or published.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.completion import Ending, complete
from analysis_worker.dead_letter import build_dead_letter, fit
from analysis_worker.errors import (
    AnalysisError,
    DeadLettered,
    InternalError,
    LedgerUnreadable,
    PutOff,
    RecordTooLarge,
    Stopped,
    WorkerCrashed,
)
from analysis_worker.expectation import first_attempt
from analysis_worker.journey import Journey
from analysis_worker.patience import finished_even_if_cancelled, patiently
from analysis_worker.propagation import link_to
from analysis_worker.publish import publish_completion, publish_unchanged
from analysis_worker.recall import Answered, Busy, Claimed, Crashed, Recalled, look_again, recall
from analysis_worker.receive import receive
from analysis_worker.record import Recorded, record, store_speech, store_subtitles
from analysis_worker.retry_copy import delay_for, original, retry_copy
from analysis_worker.values import Delivered, Job, Stage
from analysis_worker.wav import spoken_file
from analysis_worker.weight import weigh
from media_contracts import topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Link

    from analysis_worker.kafka.producer import Producer
    from analysis_worker.ledger import Ledger
    from analysis_worker.metrics import Metrics
    from analysis_worker.pipeline.line import Line
    from analysis_worker.progress import Reporting
    from analysis_worker.recorder import Recorder
    from analysis_worker.settings import Settings
    from analysis_worker.window import Slot
    from media_contracts import Artifact, Attempt, KafkaRecord

log = logging.getLogger(__name__)
LOOK_AGAIN_SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """The whole line, from the record to the broker's receipt."""

    settings: Settings
    line: Line
    ledger: Ledger
    recorder: Recorder
    producer: Producer
    reporting: Reporting
    metrics: Metrics

    async def process(self, delivered: Delivered, slot: Slot) -> None:
        """Take one record all the way; returns when the broker has acknowledged its end, or its copy for later.

        What nobody foresaw outside a request's own analysis, and a ledger that cannot be read, end neither the record
        nor the worker: it is looked at again, without a slot, until somebody has mended the cause.
        """
        while True:
            try:
                await self._process(delivered, slot)
            except Stopped:
                raise
            except LedgerUnreadable as error:
                self._unreadable(error)
            except Exception:
                log.exception("unforeseen", extra={"event": "internal_error", "stage": "process"})
            else:
                return
            slot.ends_at = math.inf
            await slot.set_aside(LOOK_AGAIN_SECONDS)

    async def _process(self, delivered: Delivered, slot: Slot) -> None:
        with Journey.begin(delivered, group=self.settings.kafka.group_id) as journey:
            try:
                with journey.stage(Stage.RECEIVE):
                    job = self._receive(original(delivered))
                    journey.identify(job)
                # What is late already is only told so, which takes no longer than anything else.
                slot.ends_at = max(job.deadline, self.line.now()).timestamp()
                with journey.stage(Stage.RECALL):
                    recalled = await self._recall(job, slot)
                match recalled:
                    case Answered(completion=recorded):
                        slot.answered, links = True, link_to(recorded)
                    case Crashed(attempts=attempts):
                        recorded, links = await self._record(job, self._crashed(job, attempts, journey), journey)
                    case Claimed(claim=claim):
                        async with spoken_file(self.line.scratch) as sound, claim.kept_alive():
                            with self.reporting.on(job, journey, first_attempt=claim.next_number) as progress:
                                ending = await self.line.analyse(
                                    job, claim, journey, sound=sound, later=self._later(job), progress=progress
                                )
                                slot.answered = True  # from here on a revoke waits for it
                                recorded, links = await self._record(job, ending, journey)
                    case _:
                        assert_never(recalled)
            except DeadLettered as fault:
                journey.bury(fault)
                with journey.stage(Stage.PUBLISH):
                    await self._bury(delivered, fault, slot)
            except PutOff as later:
                journey.put_off(later)
                self.metrics.count_put_off(later.copy.topic)
                with journey.stage(Stage.PUBLISH):
                    await self._put_off(later, slot)
            else:
                with journey.stage(Stage.PUBLISH):
                    await self._publish(recorded, delivered, slot, journey, links=links)

    async def _put_off(self, later: PutOff, slot: Slot) -> None:
        """Send the copy for later.

        :raises AnalysisError: when the broker takes less than it told, so that the request is tried again here.
        """
        slot.answered = True
        try:
            await publish_unchanged(later.copy, producer=self.producer)
        except RecordTooLarge as error:
            raise AnalysisError(f"the copy for later is refused: {error.message}") from error

    def _later(self, job: Job) -> Callable[[float], KafkaRecord | None]:
        """The copy for the retry topic that falls due after so many seconds; None when none is in time, or takes it."""

        def later(wait_seconds: float) -> KafkaRecord | None:
            now, delivered = self.line.now(), job.delivered
            left_seconds = (job.deadline - now).total_seconds()
            delay = delay_for(attempt=delivered.retries + 1, wait_seconds=wait_seconds, left_seconds=left_seconds)
            if delay is None:
                return None
            copy = retry_copy(delivered, delay, now=now)
            return copy if weigh(copy) <= self.recorder.limit_bytes(copy.topic) else None

        return later

    async def _recall(self, job: Job, slot: Slot) -> Answered | Claimed | Crashed:
        planner = self.line.planner
        first = first_attempt(
            job.request, catalogue=planner.catalogue, profiles=planner.profiles, default_model=planner.default_model
        )
        ask = recall

        async def look() -> Recalled:
            return await ask(
                job,
                ledger=self.ledger,
                first=first,
                accounts=self.line.accounts_of(job),
                max_starts=self.settings.worker.max_starts,
            )

        while True:
            recalled = await patiently(look, wait=slot.wait)
            if not isinstance(recalled, Busy):
                return recalled
            ask = look_again
            await slot.wait(recalled.seconds)

    def _receive(self, delivered: Delivered) -> Job:
        try:
            return receive(
                delivered,
                now=self.line.now(),
                tenant_topics=self.settings.kafka.tenant_topics,
                default_deadline_seconds=self.settings.worker.default_deadline_seconds,
            )
        except DeadLettered:
            raise
        except Exception as error:
            # A record that no decoder foresaw would stop one worker after another: it is kept, and the line goes on.
            log.exception("unforeseen", extra={"event": "internal_error", "stage": Stage.RECEIVE.value})
            raise DeadLettered(
                f"the record cannot be decoded: {type(error).__name__}", reason="invalid_request"
            ) from error

    def _unreadable(self, error: LedgerUnreadable) -> None:
        self.metrics.count_unreadable()
        log.error("the ledger cannot be read", extra={"event": "ledger_unreadable", "error": error.message})

    async def _record(self, job: Job, ending: Ending, journey: Journey) -> tuple[KafkaRecord, tuple[Link, ...]]:
        """What the ledger holds then, and what its publication links to when it is not ours."""
        with journey.stage(Stage.RECORD):
            try:
                recorded = await self._recorded(job, ending, journey)
            except (AnalysisError, asyncio.CancelledError):
                raise
            except Exception as error:
                log.exception("unforeseen", extra={"event": "internal_error", "stage": Stage.RECORD.value})
                fault = InternalError(f"{type(error).__name__} in the stage record: a fault of the worker's")
                plain = replace(
                    ending,
                    plan=None,
                    answer=None,
                    findings=None,
                    spoken=None,
                    subtitles=(),
                    fault=fault,
                    stage=Stage.RECORD,
                )
                recorded = await self._recorded(job, plain, journey)
        return recorded.record, () if recorded.is_ours else link_to(recorded.record)

    async def _recorded(self, job: Job, ending: Ending, journey: Journey) -> Recorded:
        artifacts = await self._stored(job, ending)
        completion = complete(job, ending, now=self.line.now(), worker=self.line.worker, artifacts=artifacts)
        json_text = ending.findings.json_text if ending.findings else None

        async def write() -> Recorded:
            while True:
                try:
                    return await record(job, completion, result_json=json_text, recorder=self.recorder)
                except LedgerUnreadable as error:
                    # Somebody was first, and what they wrote is broken: what was paid for is kept until it is mended.
                    self._unreadable(error)
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)

        recorded = await finished_even_if_cancelled(patiently(write, wait=asyncio.sleep))
        self.metrics.count(completion)
        journey.end(completion.outcome, code=completion.error.code if completion.error else None)
        return recorded

    async def _stored(self, job: Job, ending: Ending) -> tuple[Artifact, ...]:
        """What of the ending is an object of its own; written again after a crash it is the same object."""
        stores = [partial(store_subtitles, job, file, recorder=self.recorder) for file in ending.subtitles]
        if ending.spoken is not None:
            stores.insert(0, partial(store_speech, job, ending.spoken, recorder=self.recorder))
        return tuple([await finished_even_if_cancelled(patiently(store, wait=asyncio.sleep)) for store in stores])

    async def _publish(
        self, recorded: KafkaRecord, delivered: Delivered, slot: Slot, journey: Journey, *, links: tuple[Link, ...]
    ) -> None:
        """Publish the completion; one that its topic will never take ends as a dead letter, not in a loop (law 1)."""
        try:
            await publish_completion(recorded, producer=self.producer, links=links)
        except RecordTooLarge as error:
            fault = DeadLettered(
                f"the completion is recorded and cannot be published: {error.message}", reason="completion_too_large"
            )
            journey.bury(fault)
            await self._bury(delivered, fault, slot)

    async def _bury(self, delivered: Delivered, fault: DeadLettered, slot: Slot) -> None:
        slot.buried = slot.answered = True
        self.metrics.count_dead_letter(fault.reason)
        letter = build_dead_letter(
            delivered, fault, now=self.line.now(), worker=f"{self.line.worker.name}/{self.line.worker.version}"
        )

        async def send(max_bytes: int) -> None:
            store, bucket = self.recorder.store, self.recorder.bucket
            fitting = await patiently(
                lambda: fit(letter, delivered, store=store, bucket=bucket, max_bytes=max_bytes), wait=slot.wait
            )
            await publish_unchanged(fitting, producer=self.producer)

        try:
            await send(self.recorder.limit_bytes(topics.DEAD_LETTER))
        except RecordTooLarge:
            # The broker takes less than it told, or than we could ask: by reference it is as small as it can be.
            await send(0)

    def _crashed(self, job: Job, attempts: tuple[Attempt, ...], journey: Journey) -> Ending:
        starts = self.settings.worker.max_starts
        return Ending(
            attempts=attempts,
            cost=self.line.accounts_of(job).total(attempts),
            fault=WorkerCrashed(
                f"started {starts} times without an end (WORKER_MAX_STARTS): look at the workers' logs"
            ),
            stage=Stage.RECALL,
            trace_id=journey.trace_id,
        )
