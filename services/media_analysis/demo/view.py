"""Pure: the board in; a rich table of it, and one plain line of a row, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from media_analysis.report import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from media_analysis.demo.board import Row
    from media_analysis.report import Check, Totals

_STYLES: Final = {"succeeded": "green", "rejected": "yellow", "failed": "red", "dead letter": "blue", "no end": "red"}
_MARKS: Final = {"succeeded": "✓", "rejected": "⊘", "failed": "✕", "dead letter": "✉", "no end": "?"}
_STAGES: Final = ("receive", "recall", "plan", "fetch", "ask", "validate", "record", "publish")
_FRAME_LINES: Final = 6
_PADDING: Final = 2
_WIDTHS: Final = {
    "#": 2,
    "request": 37,
    "tenant": 7,
    "stage": 28,
    "model": 17,
    "in": 5,
    "out": 4,
    "cost": 12,
    "first token": 11,
    "total": 7,
}
_RIGHT: Final = frozenset({"#", "in", "out", "cost", "first token", "total"})
_FAINT: Final = frozenset({"#", "tenant", "model"})
_LEAST_FIRST: Final = ("tenant", "model", "total", "out", "in")


def board_table(rows: Sequence[Row], *, title: str, width: int, lines: int | None = None) -> Table:
    """Return the table for a place that is `width` characters wide and, for a live one, `lines` high.

    Where it is narrow the columns that matter least are left out, and where it is low those rows that ended longest ago.
    """
    shown = _fit(rows, lines)
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    names = _columns(width)
    for name in names:
        right = name in _RIGHT
        table.add_column(
            name.strip("#"),
            justify="right" if right else "left",
            style="dim" if name in _FAINT else None,
            no_wrap=True,
            overflow="ellipsis",
            min_width=_WIDTHS[name] if right or name == "stage" else None,
        )
    for row in shown:
        cells = _cells(row)
        table.add_row(*(cells[name] for name in names))
    hidden = len(rows) - len(shown)
    if hidden:
        table.caption = f"… and {hidden} more that have ended"
    return table


def _columns(width: int) -> list[str]:
    names = list(_WIDTHS)
    for name in _LEAST_FIRST:
        if sum(_WIDTHS[kept] + _PADDING for kept in names) > width:
            names.remove(name)
    return names


def _fit(rows: Sequence[Row], lines: int | None) -> list[Row]:
    room = len(rows) if lines is None else max(lines - _FRAME_LINES, 3)
    if room >= len(rows):
        return list(rows)
    latest = sorted(rows, key=lambda row: row.ended_nanoseconds or float("inf"), reverse=True)[:room]
    return [row for row in rows if row in latest]


def _cells(row: Row) -> dict[str, RenderableType]:
    done = row.completion
    asked = done is not None and done.usage.calls > 0
    cost = f"{figures.amount(done.cost.decimal)} {done.cost.currency}" if done and asked and done.cost else ""
    return {
        "#": str(row.case.number),
        "request": row.case.title,
        "tenant": row.case.request.tenant if row.case.request else figures.UNKNOWN,
        "stage": _stage(row),
        "model": (done.model or "") if done and asked else "",
        "in": figures.count(done.usage.input_tokens) if done and asked else "",
        "out": figures.count(done.usage.output_tokens) if done and asked else "",
        # The one that is repeated bears the cost, so that the column adds up.
        "cost": f"paid with {row.case.repeats}" if cost and row.case.repeats else cost,
        "first token": figures.seconds(done.timings.first_token_seconds) if done and asked else "",
        "total": figures.seconds(done.timings.total_seconds) if done else "",
    }


def _stage(row: Row) -> Text:
    if not row.ended:
        at = _STAGES.index(row.stage) + 1 if row.stage in _STAGES else 0
        return Text.assemble(("█" * at, "cyan"), ("░" * (len(_STAGES) - at), "dim"), f" {row.stage}")
    text = Text(f"{_MARKS[row.outcome]} {row.outcome}", style=_STYLES[row.outcome])
    if row.code:
        text.append(f" {row.code}", style="dim")
    if not row.as_expected:
        text.append("  not expected", style="bold red")
    return text


def plain_line(row: Row, *, seconds: float) -> str:
    """Return what happened to a row, for a place that shows no live table."""
    done = row.completion
    what = f"{row.outcome}{f' {row.code}' if row.code else ''}"
    effort = ""
    if done is not None and done.usage.calls and done.cost is not None:
        effort = f"  {done.usage.input_tokens} in, {done.usage.output_tokens} out, {figures.amount(done.cost.decimal)} {done.cost.currency}"
    return f"{seconds:6.2f} s  {row.case.number:>2} {row.case.title}: {what}{effort}"


def totals_table(totals: Totals, *, repeats: int, calls_counted: int | None) -> Table:
    """Return the totals: requests by outcome, tokens by modality, cost, calls."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    table.add_row("requests", ", ".join(f"{number} {name}" for name, number in totals.outcomes.items()))
    tokens = ", ".join(f"{name} {figures.count(number)}" for name, number in totals.tokens_by_modality if number)
    table.add_row("tokens", f"{figures.count(totals.usage.total_tokens)} ({tokens})" if tokens else "none")
    for currency, cost in totals.cost.items():
        parts = ", ".join(
            f"{name.replace('_', ' ')} {figures.amount(part)}" for name, part in totals.parts[currency].items() if part
        )
        table.add_row("cost", f"{figures.amount(cost)} {currency} ({parts})")
    counted = "" if calls_counted is None else f", as the simulator counted {calls_counted}"
    refused = totals.usage.calls - totals.calls_answered
    declined = f"; {refused} more refused, free" if refused else ""
    table.add_row("calls", f"{totals.calls_answered} paid{counted}{declined}; {repeats} repeats not paid again")
    return table


def check_lines(checks: Sequence[Check]) -> list[Text]:
    """Return a line for each thing that had to hold."""
    return [
        Text.assemble(
            ("✓ " if check.holds else "✕ ", "green" if check.holds else "bold red"),
            check.claim,
            (f"  {check.seen}", "dim"),
        )
        for check in checks
    ]
