"""Pure: amounts by modality in, one bar as SVG out; spans in, a waterfall out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from media_analysis.report import figures
from media_analysis.report.markup import Markup, join, tag
from media_analysis.report.spans import tree_rows
from media_analysis.report.values import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from media_analysis.report.values import Span

# A part keeps its colour over all charts; the order keeps neighbours apart for every kind of colour vision.
PART_CLASSES: Final = {
    "input_text": "c1",
    "input_image": "c2",
    "input_video": "c3",
    "input_audio": "c4",
    "output_text": "c5",
    "output_audio": "c6",
    "reasoning": "c7",
    "search": "c8",
}
_BAR_UNITS: Final = 1000.0
_GAP_UNITS: Final = 2.0
_TICKS: Final = 4


def cost_bar(currency: str, parts: Mapping[str, Decimal]) -> Markup:
    """Return one stacked bar of a currency's cost, and the table that says the same in figures."""
    whole = sum(parts.values())
    ordered = sorted((item for item in parts.items() if item[1]), key=lambda item: _position(item[0]))
    label = f"Cost in {currency} by modality: " + ", ".join(
        f"{_words(name)} {figures.amount(part)}" for name, part in ordered
    )
    bar = tag(
        "svg",
        {
            "class": "bar",
            "viewBox": f"0 0 {_BAR_UNITS:.0f} 28",
            "preserveAspectRatio": "none",
            "role": "img",
            "aria-label": label,
        },
        *_segments(ordered, float(whole)),
    )
    rows = [
        tag(
            "tr",
            None,
            tag("td", None, tag("span", {"class": f"swatch {_class(name)}"}), _words(name)),
            tag("td", {"class": "num"}, figures.amount(part)),
            tag("td", {"class": "num faint"}, figures.share(part, whole) if whole else figures.UNKNOWN),
        )
        for name, part in ordered
    ]
    total = tag(
        "tr",
        {"class": "sum"},
        tag("td", None, f"total, {currency}"),
        tag("td", {"class": "num"}, figures.amount(whole or None)),
        tag("td"),
    )
    return join(bar, tag("table", {"class": "legend"}, *rows, total))


def _segments(parts: Iterable[tuple[str, Decimal]], whole: float) -> Iterable[Markup]:
    left = 0.0
    for name, part in parts:
        width = float(part) / whole * _BAR_UNITS
        shown = max(width - _GAP_UNITS, 1.0)
        title = tag("title", None, f"{_words(name)}: {figures.amount(part)}")
        place: dict[str, str | int] = {
            "class": _class(name),
            "x": f"{left:.2f}",
            "y": 0,
            "width": f"{shown:.2f}",
            "height": 28,
        }
        yield tag("rect", place, title)
        left += width


def _class(name: str) -> str:
    return PART_CLASSES.get(name, "c0")


def _position(name: str) -> int:
    names = list(PART_CLASSES)
    return names.index(name) if name in names else len(names)


def _words(name: str) -> str:
    return name.replace("_", " ")


def waterfall(spans: tuple[Span, ...]) -> Markup:
    """Return one trace as rows over a common time axis: name, bar, duration; moments are ticks in the bar."""
    start = min(span.start_nanoseconds for span in spans)
    length = max(max(span.end_nanoseconds for span in spans) - start, 1)
    rows = [_row(depth, span, start, length) for depth, span in tree_rows(spans)]
    return tag("div", {"class": "waterfall"}, _axis(length), *rows)


def _axis(length: int) -> Markup:
    marks = [
        tag("span", {"style": f"left:{tick * 100 / _TICKS:.0f}%"}, figures.seconds(length * tick / _TICKS / 1e9))
        for tick in range(_TICKS + 1)
    ]
    return tag("div", {"class": "row axis"}, tag("span"), tag("span", {"class": "track"}, *marks), tag("span"))


def _row(depth: int, span: Span, start: int, length: int) -> Markup:
    left = (span.start_nanoseconds - start) * 100 / length
    width = max(span.end_nanoseconds - span.start_nanoseconds, 0) * 100 / length
    moments = [
        tag("i", {"style": f"left:{(moment.at_nanoseconds - start) * 100 / length:.3f}%", "title": moment.name})
        for moment in (*span.moments, *_first_chunk(span))
        if span.start_nanoseconds <= moment.at_nanoseconds <= span.end_nanoseconds
    ]
    bar = tag("b", {"class": _kind(span), "style": f"left:{left:.3f}%;width:{width:.3f}%"})
    duration = figures.seconds((span.end_nanoseconds - span.start_nanoseconds) / 1e9)
    return tag(
        "div",
        {"class": "row", "title": _hint(span)},
        tag("span", {"class": "name", "style": f"padding-left:{min(depth, 8) * 0.9:.1f}em"}, span.name),
        tag("span", {"class": "track"}, bar, *moments),
        tag("span", {"class": "num"}, duration),
    )


def _first_chunk(span: Span) -> tuple[Moment, ...]:
    """The moment that the GenAI convention tells as a duration, `gen_ai.response.time_to_first_chunk` in seconds."""
    waited_seconds = span.attributes.get("gen_ai.response.time_to_first_chunk")
    if not isinstance(waited_seconds, int | float):
        return ()
    return (Moment(name="first token", at_nanoseconds=span.start_nanoseconds + int(waited_seconds * 1e9)),)


def _kind(span: Span) -> str:
    if span.error is not None:
        return "wrong"
    if "gen_ai.request.model" in span.attributes:
        return "model"
    if span.client or span.name.split(" ")[0] in {"fetch", "record", "recall"}:
        return "store"
    return "ours"


def _hint(span: Span) -> str:
    facts = [f"{key} = {value}" for key, value in sorted(span.attributes.items())]
    moments = [
        f"• {moment.name} after {figures.seconds((moment.at_nanoseconds - span.start_nanoseconds) / 1e9)}"
        for moment in span.moments
    ]
    wrong = [f"error: {span.error}"] if span.error is not None else []
    return "\n".join([span.name, *wrong, *moments, *facts])
