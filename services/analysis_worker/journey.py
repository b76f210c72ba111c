"""One record's way down the line in, its spans and log lines out (law 10).

`process {topic}` is a child of the requester's span and linked to it, because one message ends in one result
(conventions.md §3.2); the stages are its children.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, format_trace_id

from analysis_worker import telemetry as names
from analysis_worker.fault_status import names_fault
from analysis_worker.values import Delivered, Job, Stage
from media_contracts import trace_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

    from analysis_worker.errors import DeadLettered, PutOff

log = logging.getLogger(__name__)


class Journey:
    """Where a record is; `stage` is the last stage that was entered."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._request_id: str | None = None
        self._current = Stage.RECEIVE
        self.on_stage: Callable[[Stage], None] | None = None
        """Told of every stage that is entered from now on."""

    @classmethod
    @contextmanager
    def begin(cls, delivered: Delivered, *, group: str) -> Iterator[Journey]:
        """The processing of one record, in the trace that its headers name."""
        topic = delivered.record.topic
        traceparent, tracestate = trace_context.read_trace_context(delivered.record.headers)
        carrier = {
            name: value
            for name, value in ((trace_context.TRACEPARENT, traceparent), (trace_context.TRACESTATE, tracestate))
            if value is not None
        }
        parent = extract(carrier)
        creation = trace.get_current_span(parent).get_span_context()
        attributes: dict[str, AttributeValue] = {
            names.MESSAGING_SYSTEM: "kafka",
            names.MESSAGING_OPERATION_NAME: names.PROCESS,
            names.MESSAGING_OPERATION_TYPE: names.PROCESS,
            names.MESSAGING_DESTINATION: topic,
            names.MESSAGING_GROUP: group,
            names.MESSAGING_PARTITION: str(delivered.partition),
            names.MESSAGING_OFFSET: delivered.offset,
        }
        with (
            trace.get_tracer(names.SCOPE).start_as_current_span(
                f"{names.PROCESS} {topic}",
                context=parent,
                kind=SpanKind.CONSUMER,
                attributes=attributes,
                links=[Link(creation)] if creation.is_valid else [],
                # The SDK would write message and traceback, and those of libraries may quote an answer.
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            names_fault(span),
        ):
            yield cls(span)

    @property
    def trace_id(self) -> str | None:
        """The trace of this record as 32 hex digits, or None when tracing is off."""
        context = self._span.get_span_context()
        return format_trace_id(context.trace_id) if context.is_valid else None

    @property
    def current(self) -> Stage:
        """The stage that the record is in."""
        return self._current

    @current.setter
    def current(self, stage: Stage) -> None:
        self._current = stage
        if self.on_stage is not None:
            self.on_stage(stage)

    def identify(self, job: Job) -> None:
        """From here on it is known whose record it is."""
        self._request_id = job.request.request_id
        self._span.set_attributes(
            {
                names.REQUEST_ID: job.request.request_id,
                names.TENANT: job.identity.tenant,
                names.COMPLETION_ID: job.completion_id,
                names.CLOUDEVENTS_SOURCE: job.identity.source,
            }
        )
        if job.event.event_id is not None:
            self._span.set_attribute(names.CLOUDEVENTS_ID, job.event.event_id)

    @contextmanager
    def stage(self, stage: Stage, *, within: Context | None = None) -> Iterator[Span]:
        """A stage: its span, and a log line when it begins; a fault of ours is its status, with the code alone.

        The span is a child of the current one, or of `within`'s.
        """
        self.current = stage
        log.info("stage", extra={"event": "stage", "request_id": self._request_id, "stage": stage.value})
        with (
            trace.get_tracer(names.SCOPE).start_as_current_span(
                stage.value, context=within, record_exception=False, set_status_on_exception=False
            ) as span,
            names_fault(span),
        ):
            yield span

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """The time in which media may be read: beside the call that reads them, so it is not the current span."""
        span = trace.get_tracer(names.SCOPE).start_span(Stage.FETCH.value)
        try:
            yield
        finally:
            span.end()

    def bury(self, fault: DeadLettered) -> None:
        """The record goes to the dead-letter topic."""
        self._span.set_attribute(names.DEAD_LETTER_REASON, fault.reason)
        self._span.set_status(Status(StatusCode.ERROR, fault.reason))
        log.warning("dead letter", extra={"event": "dead_letter", "reason": fault.reason})

    def put_off(self, later: PutOff) -> None:
        """The record goes to a retry topic."""
        topic = later.copy.topic
        self._span.set_attribute(names.PUT_OFF_TOPIC, topic)
        extra = {"event": "put_off", "request_id": self._request_id, "code": later.fault.code, "topic": topic}
        log.warning("tried again later", extra=extra | {"error": later.message})

    def end(self, outcome: str, *, code: str | None) -> None:
        """The record ended in a completion."""
        self._span.set_attribute(names.OUTCOME, outcome)
        if code is not None:
            self._span.set_attribute(names.ERROR_CODE, code)
        log.info(
            "completed",
            extra={"event": "completed", "request_id": self._request_id, "outcome": outcome, "code": code},
        )
