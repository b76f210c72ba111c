"""What one request's analysis comes to, as it comes, in; at most one progress event per interval out, best effort.

Nothing here delays or fails the line: it only takes notes, and a task of its own publishes the newest of them, one
event at a time. What is left when the analysis ends is dropped: its completion says it all.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from analysis_worker.answers.field_schemas import FieldSchemas, field_schemas
from analysis_worker.completion import request_ref
from analysis_worker.long_media.absolute_times import rounded, shifted, whole_times
from analysis_worker.progress_fields import ProgressFields
from analysis_worker.propagation import current_traceparent
from analysis_worker.speech import KIND as SPEECH
from analysis_worker.values import Stage
from analysis_worker.weight import weigh
from media_contracts import AnalysisProgress, KafkaRecord, encode_event, topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from analysis_worker.answers.schemas import OutputSchema
    from analysis_worker.journey import Journey
    from analysis_worker.values import AnalysisPlan, Job

log = logging.getLogger(__name__)
MOST_BYTES: Final = 256 * 1024
"""Every event repeats what is known so far; a second of 64 requests must not be spent on writing it down."""
_OURS: Final = {"event": "internal_error", "stage": "progress"}
"""Logged of a fault of ours here, which must not become the answer's."""
_DIGITS_BYTES: Final = 64
"""Attempt, sequence, segment and stage may have more characters than in the event that was weighed."""


class Outlet(Protocol):
    """Where events go; whatever becomes of one, `publish` does not raise."""

    async def publish(self, record: KafkaRecord) -> None:
        """Publish, or give up soon."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reporting:
    """What it takes to tell of a request's progress; `clock` gives seconds."""

    outlet: Outlet
    source: str
    interval_seconds: float
    most_bytes: Callable[[], int]
    """The most that an event may weigh."""
    clock: Callable[[], float]
    now: Callable[[], datetime]

    @contextmanager
    def on(self, job: Job, journey: Journey, *, first_attempt: int) -> Iterator[Progress | None]:
        """The progress of a request that asks for it, None for another; with its end nothing more is published."""
        if not job.request.progress:
            yield None
            return
        progress = Progress(job, reporting=self, first_attempt=first_attempt)
        journey.on_stage = progress.stage
        try:
            yield progress
        finally:
            journey.on_stage = None
            progress.end()


@dataclass(kw_only=True, slots=True)
class _Telling:
    """What is told under one attempt; `sequence` is that of its last event."""

    attempt: int
    segment: int | None = None
    sequence: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    fields_bytes: int = 0
    is_new: bool = False


class Progress:
    """One request's progress: what is told of it, and a task that publishes the newest."""

    def __init__(self, job: Job, *, reporting: Reporting, first_attempt: int) -> None:
        self._job = job
        self._by = reporting
        self._traceparent = current_traceparent()
        self._stage = self._told_stage = Stage.RECALL
        self._whole = _Telling(attempt=first_attempt)
        self._segments: dict[int, _Telling] = {}
        self._due = reporting.clock()
        self._publishing: asyncio.Task[None] | None = None
        self._is_over = False
        self._schemas: dict[str, FieldSchemas] = {}
        self._most_bytes = min(reporting.most_bytes(), MOST_BYTES)
        self._room_bytes = self._most_bytes - weigh(self._record(self._whole)) - _DIGITS_BYTES

    def end(self) -> None:
        """Drop what is left, and an event that is on its way, without waiting for it."""
        self._is_over = True
        if self._publishing is not None:
            self._publishing.cancel()

    def stage(self, stage: Stage) -> None:
        """The request has come to that stage."""
        self._stage = stage
        self._tell()

    def attempt(
        self, plan: AnalysisPlan, number: int, *, timelines: Sequence[str] = (), by_seconds: float = 0.0
    ) -> Callable[[str], None] | None:
        """A call begins, and what was told of the same thing before is void; returns what takes the answer's text.

        None for an answer that has no fields. What it tells lies `by_seconds` later in `timelines`.
        """
        if plan.kind == SPEECH:
            return None
        telling = self._begin(number, plan.segment)
        if plan.profile.free_text or self._room_bytes <= 0:
            return None
        try:
            read = self._reader(plan, timelines=timelines, by_seconds=by_seconds)
        except Exception:
            log.exception("unforeseen", extra=_OURS)
            return None
        is_broken = False
        unread = plan.prefix  # told with the first new words: until then the call's number may be given away

        def take(text: str) -> None:
            nonlocal unread, is_broken
            said, unread = unread + text, ""
            try:
                if not is_broken:
                    self._take(telling, read(said))
            except Exception:
                is_broken = True
                log.exception("unforeseen", extra=_OURS)

        return take

    def _reader(
        self, plan: AnalysisPlan, *, timelines: Sequence[str], by_seconds: float
    ) -> Callable[[str], dict[str, Any]]:
        """What makes fields of the next text of an answer, with their times as the result will have them."""
        fields = ProgressFields(
            self._schemas_of(plan.schema),
            timelines=plan.timelines,
            duration_seconds=plan.duration_seconds,
            most_characters=self._room_bytes,
        )
        if not timelines or (by_seconds == 0 and plan.segment is None):
            return fields.feed
        whole = whole_times(plan.schema.document)
        return lambda text: _moved(fields.feed(text), timelines=timelines, by_seconds=by_seconds, whole=whole)

    def _begin(self, number: int, segment: int | None) -> _Telling:
        """The notes of a new attempt."""
        before = self._whole if segment is None else self._segments.get(segment)
        if before is not None and before.attempt == number:
            return before
        if segment is None:
            is_void = bool(self._whole.fields or self._segments)
            telling = self._whole = _Telling(attempt=number, is_new=is_void)
            self._segments = {}
        else:
            if self._whole.fields:  # asked in pieces now: what was told of the whole is void
                self._whole = _Telling(attempt=number, is_new=True)
            is_void = before is not None and bool(before.fields)
            telling = self._segments[segment] = _Telling(attempt=number, segment=segment, is_new=is_void)
        self._tell()
        return telling

    def _take(self, telling: _Telling, fields: dict[str, Any]) -> None:
        for pointer, value in fields.items():
            size_bytes = len(orjson.dumps(value)) + len(orjson.dumps(pointer)) + 2
            if telling.fields_bytes + size_bytes <= self._room_bytes:
                telling.fields[pointer] = value
                telling.fields_bytes += size_bytes
                telling.is_new = True
        if telling.is_new:
            self._tell()

    def _schemas_of(self, schema: OutputSchema) -> FieldSchemas:
        if schema.sha256 not in self._schemas:
            self._schemas[schema.sha256] = field_schemas(schema)
        return self._schemas[schema.sha256]

    def _tell(self) -> None:
        """Have it published that something is new; a task that is at it looks by itself."""
        is_idle = self._publishing is None or self._publishing.done()
        if is_idle and not self._is_over and self._newest() is not None:
            self._publishing = asyncio.create_task(self._publish_all(), name="progress")

    def _newest(self) -> _Telling | None:
        """What an event is due about: the whole first, then the segment that has waited longest."""
        if self._whole.is_new or self._stage is not self._told_stage:
            return self._whole
        return next((telling for telling in self._segments.values() if telling.is_new), None)

    async def _publish_all(self) -> None:
        while self._newest() is not None:
            await asyncio.sleep(max(self._due - self._by.clock(), 0))
            telling = self._newest()  # by now it may be another stage, or the old one again
            if telling is None:
                return
            self._due = self._by.clock() + self._by.interval_seconds
            record = self._next_record(telling)
            if weigh(record) <= self._most_bytes:
                await self._by.outlet.publish(record)

    def _next_record(self, telling: _Telling) -> KafkaRecord:
        self._told_stage, telling.is_new = self._stage, False
        telling.sequence += 1
        if telling.segment is not None:  # behind the others that wait
            self._segments[telling.segment] = self._segments.pop(telling.segment)
        return self._record(telling)

    def _record(self, telling: _Telling) -> KafkaRecord:
        job, request = self._job, self._job.request
        # A start that ended before its first call leaves its attempt's number to the next one.
        start = round(job.accepted_at.timestamp() * 1000)
        event_id = f"{job.completion_id}-{start}-{telling.attempt}-{telling.sequence}"
        key = job.delivered.record.key
        return encode_event(
            type=topics.PROGRESS,
            data=AnalysisProgress(
                request_id=request.request_id,
                tenant=request.tenant,
                labels=request.labels,
                request=request_ref(job),
                attempt=telling.attempt,
                sequence=max(telling.sequence, 1),
                stage=self._stage.value,
                fields=telling.fields,
                segment=telling.segment,
            ),
            event_id=event_id if telling.segment is None else f"{event_id}-{telling.segment}",
            source=self._by.source,
            time=self._by.now(),
            topic=topics.PROGRESS,
            key=key if key is not None else request.request_id.encode(),
            subject=request.request_id,
            traceparent=self._traceparent,
        )


def _moved(
    fields: dict[str, Any], *, timelines: Sequence[str], by_seconds: float, whole: Sequence[str]
) -> dict[str, Any]:
    """The fields with their times as the result will have them."""
    moved = {}
    for pointer, value in fields.items():
        name, _, index = pointer[1:].partition("/")
        placed = shifted({name: [value] if index else value}, timelines=timelines, by_seconds=by_seconds)
        inside = rounded(placed, whole)[name]
        moved[pointer] = inside[0] if index else inside
    return moved
