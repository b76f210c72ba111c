"""Pure: the rows in; whether answers that are told while they grow were told long before their end, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from media_analysis.report import Check, figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_analysis.demo.board import Row

_EARLY_SECONDS: Final = 1.0
_NANO: Final = 1e9


def judge_growing(rows: Sequence[Row]) -> tuple[Check, ...]:
    """Return the check of each request that asked for progress."""
    return tuple(_judged(row) for row in rows if row.case.request is not None and row.case.request.progress)


def _judged(row: Row) -> Check:
    claim = "The first valid field of an answer came long before its end"
    first, end, sent = row.first_fields_nanoseconds, row.ended_nanoseconds, row.sent_nanoseconds
    if first is None or end is None or sent is None:
        return Check(claim=claim, holds=False, seen=f"{row.progress_events} progress events, none with a field")
    early = (end - first) / _NANO
    seen = (
        f"{row.first_fields[0]} after {figures.seconds((first - sent) / _NANO)}, {figures.seconds(early)} before the"
        f" end; {row.progress_events} progress events"
    )
    return Check(claim=claim, holds=early >= _EARLY_SECONDS, seen=seen)
