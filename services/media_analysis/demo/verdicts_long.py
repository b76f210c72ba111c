"""Pure: the rows of long media in; the claims about their times and their bill, each with what was seen, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from media_analysis.report import Check
from media_contracts import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from media_analysis.demo.board import Row
    from media_contracts import AnalysisCompleted

_CLOSE_SECONDS: Final = 1.0
_START: Final = "start_seconds"


def judge_long(rows: Sequence[Row], *, simulated: bool) -> tuple[Check, ...]:
    """Return the checks; only of the simulator is it known what it has to say of which second."""
    marked = [row for row in rows if row.case.marks]
    long = [row for row in marked if not _is_clipped(row)]
    told = [(row, row.completion) for row in marked if row.completion is not None]
    ended = [(row, done) for row, done in told if row in long]
    return (_cut(long, ended), *([_timed(told)] if simulated else []), _added_up(ended))


def _is_clipped(row: Row) -> bool:
    return row.case.request is not None and any(item.clip is not None for item in row.case.request.media)


def _cut(long: Sequence[Row], ended: Sequence[tuple[Row, AnalysisCompleted]]) -> Check:
    pieces = [len(done.segments) for _, done in ended]
    whole = [done.coverage == "complete" and len(done.segments) > 1 for _, done in ended]
    return Check(
        claim="Long media were analysed in segments and answered in one",
        holds=len(whole) == len(long) and all(whole),
        seen=f"{len(long)} requests, {len(ended)} completions, of {' and '.join(map(str, pieces)) or 'no'} segments",
    )


def _timed(ended: Sequence[tuple[Row, AnalysisCompleted]]) -> Check:
    """Each mark is told once, at the second of the whole medium at which it is, also far behind the first segment."""
    wrong: list[str] = []
    told = 0
    for row, done in ended:
        items = list(_items(done.result))
        for words, seconds in row.case.marks:
            starts = [float(item[_START]) for item in items if _says(item, words)]
            near = len(starts) == 1 and abs(starts[0] - seconds) <= _CLOSE_SECONDS
            told += near
            if not near:
                wrong.append(f"{words} at {starts or 'no time'}")
    marks = sum(len(row.case.marks) for row, _ in ended)
    seen = f"{told} of {marks} marks told once, within {_CLOSE_SECONDS:g} s"
    return Check(
        claim="What is in a long medium, or a part of one, is told once, at its own time",
        holds=bool(marks) and not wrong,
        seen=f"{seen}; {', '.join(wrong[:3])}" if wrong else seen,
    )


def _added_up(ended: Sequence[tuple[Row, AnalysisCompleted]]) -> Check:
    reduced = sum(attempt.kind == "reduce" for _, done in ended for attempt in done.attempts)
    even = [
        done.usage == Usage.sum(attempt.usage for attempt in done.attempts)
        and all(segment.usage is not None and segment.cost is not None for segment in done.segments)
        for _, done in ended
    ]
    calls = sum(done.usage.calls for _, done in ended)
    return Check(
        claim="The bill of long media is the sum of their calls, told for each segment",
        holds=bool(even) and all(even),
        seen=f"{calls} calls, {reduced} of them to put the segments' answers together",
    )


def _items(result: Any) -> Iterator[dict[str, Any]]:
    """All items of the answer's lists that have a start."""
    for items in result.values() if isinstance(result, dict) else ():
        yield from (item for item in (items if isinstance(items, list) else ()) if _has_start(item))


def _has_start(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get(_START), int | float)


def _says(item: dict[str, Any], words: str) -> bool:
    return any(words in text for name, text in item.items() if name in {"text", "content"} and isinstance(text, str))
