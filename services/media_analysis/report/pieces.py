"""Pure: a completion about a long medium and a film's pictures in; its segments as a table, the pictures in a row, out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from media_analysis.report import figures
from media_analysis.report.markup import Markup, tag
from media_contracts import Money, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from media_analysis.report.values import Picture
    from media_contracts import AnalysisCompleted, Attempt, Cost, SegmentInfo

_COLUMNS: Final = ("", "from", "to", "outcome", "calls", "tokens in", "tokens out", "cost")
_WORDS: Final = frozenset({"", "outcome"})
REDUCE: Final = "reduce"


def film_strip(pictures: Sequence[Picture]) -> Markup | None:
    """Return a film's pictures side by side, each under its time; nothing without pictures."""
    shown = [
        tag(
            "figure",
            None,
            tag("img", {"src": picture.data_uri, "alt": f"The film at {picture.caption}"}),
            tag("figcaption", None, picture.caption),
        )
        for picture in pictures
    ]
    return tag("div", {"class": "strip"}, *shown) if shown else None


def segments_table(done: AnalysisCompleted) -> Markup | None:
    """Return a line for each segment, one for the calls that reduced them, and their sum; nothing for one in one piece."""
    if not done.segments:
        return None
    head = tag("tr", None, *(tag("th", {"class": None if name in _WORDS else "num"}, name) for name in _COLUMNS))
    reduced = [attempt for attempt in done.attempts if attempt.kind == REDUCE]
    lines = [*map(_segment, done.segments)]
    if reduced:
        lines.append(_reduction(reduced))
    words = f"{len(done.segments)} segments, coverage {done.coverage}"
    rows = tag("tbody", None, *lines, _line("the whole", usage=done.usage, cost=done.cost, name="sum"))
    return tag(
        "div",
        {"class": "pieces"},
        tag("h4", None, words),
        tag("div", {"class": "scroll"}, tag("table", {"class": "requests"}, tag("thead", None, head), rows)),
    )


def _segment(segment: SegmentInfo) -> Markup:
    said = segment.outcome if segment.error is None else f"{segment.outcome}: {segment.error.code}"
    return _line(
        f"segment {segment.index + 1}",
        span=(figures.clock(segment.start_seconds), figures.clock(segment.end_seconds)),
        said=said,
        usage=segment.usage,
        cost=segment.cost,
    )


def _reduction(attempts: Sequence[Attempt]) -> Markup:
    """The calls of the text model; they are of no segment."""
    models = ", ".join(dict.fromkeys(attempt.model for attempt in attempts))
    usage = Usage.sum(attempt.usage for attempt in attempts)
    return _line("reduced by", said=models, usage=usage, cost=_sum(attempt.cost for attempt in attempts))


def _sum(costs: Iterable[Money | None]) -> Money | None:
    known = [cost for cost in costs if cost is not None]
    if not known or len({cost.currency for cost in known}) > 1:
        return None
    return Money.of(sum((cost.decimal for cost in known), Decimal(0)), known[0].currency)


def _line(
    what: str,
    *,
    usage: Usage | None,
    cost: Money | Cost | None,
    span: tuple[str, str] = ("", ""),
    said: str = "",
    name: str | None = None,
) -> Markup:
    numbers = (
        figures.count(usage.calls if usage else None),
        figures.count(usage.input_tokens if usage else None),
        figures.count(usage.output_tokens if usage else None),
        f"{figures.amount(cost.decimal)} {cost.currency}" if cost else figures.UNKNOWN,
    )
    return tag(
        "tr",
        {"class": name},
        tag("td", None, what),
        *(tag("td", {"class": "num"}, text) for text in span),
        tag("td", None, said),
        *(tag("td", {"class": "num"}, text) for text in numbers),
    )
