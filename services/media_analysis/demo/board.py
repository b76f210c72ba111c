"""Pure: what was sent and what was heard in; where each case stands out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from media_contracts.trace_context import read_trace_context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_analysis.demo.cases import Case
    from media_contracts import AnalysisCompleted, KafkaRecord

WAITING: Final = "waiting"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One case and where it stands; instants in nanoseconds since the epoch.

    `origin` is topic[partition]@offset of the record as sent; `completion_id` is what its completion will be called.
    """

    case: Case
    stage: str = WAITING
    completion_id: str | None = None
    origin: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    sent_nanoseconds: int | None = None
    ended_nanoseconds: int | None = None
    completion: AnalysisCompleted | None = None
    record: KafkaRecord | None = None
    progress_events: int = 0
    first_fields: tuple[str, ...] = ()
    first_fields_nanoseconds: int | None = None
    """What was first known of a growing answer, as pointers into it, and when that was heard."""
    dead_reason: str | None = None
    dead_message: str = ""

    @property
    def ended(self) -> bool:
        """Whether a completion or a dead letter was heard."""
        return self.completion is not None or self.dead_reason is not None

    @property
    def outcome(self) -> str:
        """How it ended, or that it did not."""
        if self.completion is not None:
            return self.completion.outcome
        return "dead letter" if self.dead_reason is not None else "no end"

    @property
    def code(self) -> str | None:
        """The stable code of what went wrong, if something did."""
        if self.completion is not None and self.completion.error is not None:
            return self.completion.error.code
        return self.dead_reason

    @property
    def as_expected(self) -> bool:
        """Whether it ended as the case says."""
        expected = self.case.expected
        return self.outcome in expected.outcomes and (self.outcome == "succeeded" or self.code in expected.codes)


class Board:
    """All rows; each method takes one thing that happened and returns the rows that it changed."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._rows = {case.number: Row(case=case) for case in cases}

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order of the cases."""
        return tuple(self._rows.values())

    @property
    def done(self) -> bool:
        """Whether every row has ended."""
        return all(row.ended for row in self.rows)

    def row(self, number: int) -> Row:
        """The row of a case."""
        return self._rows[number]

    def announced(
        self, number: int, *, completion_id: str | None, trace_id: str | None, span_id: str | None, at: int
    ) -> None:
        """A case is about to be sent; noted before, because its end may be heard before the broker's receipt."""
        self._set(
            replace(
                self._rows[number],
                stage="sent",
                completion_id=completion_id,
                trace_id=trace_id,
                span_id=span_id,
                sent_nanoseconds=at,
            )
        )

    def received(self, number: int, *, origin: str) -> None:
        """The broker has it."""
        self._set(replace(self._rows[number], origin=origin))

    def entered(self, request_id: str, stage: str) -> tuple[Row, ...]:
        """The worker says that a request entered a stage."""
        changed = [
            replace(row, stage=stage)
            for row in self.rows
            if row.sent_nanoseconds and row.case.name == request_id and not row.ended
        ]
        return self._set(*changed)

    def progressed(self, request_id: str, fields: Iterable[str], *, at: int) -> tuple[Row, ...]:
        """A progress event was heard: what it tells first is noted with the request."""
        rows = [row for row in self.rows if row.sent_nanoseconds and row.case.name == request_id and not row.ended]
        told = tuple(fields)
        changed = [replace(row, progress_events=row.progress_events + 1) for row in rows]
        return self._set(
            *(
                replace(row, first_fields=told, first_fields_nanoseconds=at) if told and not row.first_fields else row
                for row in changed
            )
        )

    def completed(
        self, completion_id: str, completion: AnalysisCompleted, record: KafkaRecord, *, at: int
    ) -> tuple[Row, ...]:
        """A completion was heard: it ends the row whose trace it was published in, or the first that waits for it."""
        waiting = [row for row in self.rows if row.completion_id == completion_id and not row.ended]
        if not waiting:
            return ()
        traceparent, _ = read_trace_context(record.headers)
        trace_id = traceparent.split("-")[1] if traceparent else None
        row = next((row for row in waiting if row.trace_id == trace_id), waiting[0])
        return self._set(replace(row, stage="done", completion=completion, record=record, ended_nanoseconds=at))

    def dead(self, origin: str, *, reason: str, message: str, at: int) -> tuple[Row, ...]:
        """A dead letter was heard: it ends the row whose record stood there."""
        rows = [row for row in self.rows if row.origin == origin and not row.ended]
        ended = [
            replace(row, stage="done", dead_reason=reason, dead_message=message, ended_nanoseconds=at) for row in rows
        ]
        return self._set(*ended)

    def _set(self, *rows: Row) -> tuple[Row, ...]:
        self._rows.update({row.case.number: row for row in rows})
        return rows
