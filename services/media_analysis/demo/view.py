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


def board_table(rows: Sequence[Row], *, title: str, lines: int | None = None) -> Table:
    """Return the table; with fewer `lines` than rows, those that have ended longest ago are left out first."""
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
    table.add_column("", justify="right", style="dim")
    table.add_column("request", no_wrap=True, overflow="ellipsis", min_width=18)
    table.add_column("tenant", style="dim", no_wrap=True)
    table.add_column("stage", no_wrap=True)
    table.add_column("model", style="dim", no_wrap=True, overflow="ellipsis")
    for name in ("in", "out", "cost", "first token", "total"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(*_cells(row))
    hidden = len(rows) - len(shown)
    if hidden:
        table.caption = f"… and {hidden} more that have ended"
    return table


def _fit(rows: Sequence[Row], lines: int | None) -> list[Row]:
    room = len(rows) if lines is None else max(lines - _FRAME_LINES, 3)
    if room >= len(rows):
        return list(rows)
    latest = sorted(rows, key=lambda row: row.ended_nanoseconds or float("inf"), reverse=True)[:room]
    return [row for row in rows if row in latest]


def _cells(row: Row) -> tuple[RenderableType, ...]:
    done = row.completion
    asked = done is not None and done.usage.calls > 0
    return (
        str(row.case.number),
        row.case.title,
        row.case.request.tenant if row.case.request else figures.UNKNOWN,
        _stage(row),
        (done.model or "") if done and asked else "",
        figures.count(done.usage.input_tokens) if done and asked else "",
        figures.count(done.usage.output_tokens) if done and asked else "",
        f"{figures.amount(done.cost.decimal)} {done.cost.currency}" if done and asked and done.cost else "",
        figures.seconds(done.timings.first_token_seconds) if done and asked else "",
        figures.seconds(done.timings.total_seconds) if done else "",
    )


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
    counted = "the model's side was not asked" if calls_counted is None else f"the simulator answered {calls_counted}"
    table.add_row("calls", f"{totals.usage.calls} in the completions; {counted}; {repeats} repeats were not paid again")
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
