"""Pure: the board's rows, the trace sink's spans and the verdicts in; the report's values out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media_analysis.report import DeadLetter, Entry, Report, Span, figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from media_analysis.demo.board import Row
    from media_analysis.report import Check, Picture, Sound, Subtitles


def tell(
    rows: Sequence[Row],
    *,
    spans: Iterable[Span],
    pictures: Mapping[str, Picture],
    checks: tuple[Check, ...],
    made_at: datetime,
    simulated: bool,
    answers_from: str,
    seconds: float,
    calls_counted: int | None,
    notes: tuple[str, ...],
    sounds: Mapping[int, Sound] = {},
    subtitles: Mapping[int, Subtitles] = {},
    strips: Mapping[str, tuple[Picture, ...]] = {},
) -> Report:
    """Return the report; a row's traces are the spans of the trace that its request started."""
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    return Report(
        title="Media analysis: demo report",
        made_at=made_at,
        simulated=simulated,
        answers_from=answers_from,
        entries=tuple(
            replace(
                entry_of(row, by_trace.get(row.trace_id or "", ()), pictures, sounds.get(row.case.number)),
                subtitles=subtitles.get(row.case.number),
                told_first=_told_first(row),
                strip=tuple(picture for name in row.case.samples for picture in strips.get(name, ())),
            )
            for row in rows
        ),
        checks=checks,
        seconds=seconds,
        calls_counted=calls_counted,
        notes=notes,
    )


def entry_of(row: Row, spans: Sequence[Span], pictures: Mapping[str, Picture], sound: Sound | None = None) -> Entry:
    """Return the report's entry of a row, its trace completed by the requester's own span."""
    own = _requester_span(row)
    return Entry(
        number=row.case.number,
        request_id=row.case.name,
        title=row.case.title,
        expected=row.case.expected.words,
        as_expected=row.as_expected,
        requested=_requested(row),
        pictures=tuple(pictures[name] for name in row.case.samples if name in pictures),
        sound=sound,
        completion=row.completion,
        completions=int(row.completion is not None),
        dead_letter=DeadLetter(reason=row.dead_reason, message=row.dead_message) if row.dead_reason else None,
        spans=(own, *(_bare(span) for span in spans)) if own and spans else tuple(spans),
        duplicate_of=row.case.repeats,
    )


def _told_first(row: Row) -> str | None:
    if row.first_fields_nanoseconds is None or row.sent_nanoseconds is None:
        return None
    waited = figures.seconds((row.first_fields_nanoseconds - row.sent_nanoseconds) / 1e9)
    return f"{', '.join(row.first_fields[:3])} after {waited} ({row.progress_events} progress events in all)"


def _requested(row: Row) -> Any:
    if row.case.request is None:
        return row.case.raw.decode("utf-8", "backslashreplace")
    return row.case.request.model_dump(mode="json", exclude_defaults=True)


def _requester_span(row: Row) -> Span | None:
    """What the demo itself measured: from just before publishing to the moment its end was heard."""
    if row.trace_id is None or row.span_id is None or row.sent_nanoseconds is None or row.ended_nanoseconds is None:
        return None
    return Span(
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_id=None,
        name="the demo waits",
        start_nanoseconds=row.sent_nanoseconds,
        end_nanoseconds=row.ended_nanoseconds,
    )


def _bare(span: Span) -> Span:
    """Shorten the names that carry a topic: the topic is in the attributes, and the column is narrow."""
    first, _, rest = span.name.partition(" ")
    return replace(span, name=first) if first in {"process", "send"} and rest else span
