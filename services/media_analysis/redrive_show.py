"""Pure but for the print: what would be put back, or was, in; a table for people or a JSON line each for machines out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from media_analysis.arrivals import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_ROWS: Final = 50
SHOWN_FAULTS: Final = 20
_PIPE_COLUMNS: Final = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One record: `facts` by column, `fault` why it was not put back; `put_back` is None in a dry run."""

    facts: dict[str, Any]
    put_back: bool | None = None
    fault: str = ""


def show(rows: Sequence[Row], *, columns: Sequence[str], as_json: bool) -> None:
    """Print the rows; for people these columns of the first fifty."""
    if as_json:
        for row in rows:
            click.echo(one_line(row.facts | {"put_back": row.put_back} | ({"fault": row.fault} if row.fault else {})))
    elif rows:
        _table(rows, columns)


def tell_faults(faults: Sequence[str]) -> None:
    """Print what could not be read or put back, on stderr."""
    for fault in faults[:SHOWN_FAULTS]:
        click.echo(f"left alone: {_plain(fault)}", err=True)
    if len(faults) > SHOWN_FAULTS:
        click.echo(f"… and {len(faults) - SHOWN_FAULTS:,} more were left alone", err=True)


def _table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        cut = name == "message"
        table.add_column(name.replace("_", " "), no_wrap=cut, overflow="ellipsis" if cut else "fold")
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*(_plain(str(row.facts[name])) for name in columns))
    # A pipe has no width; rich would take it for 80 columns.
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(highlight=False, markup=False, width=width).print(table)
    if len(rows) > SHOWN_ROWS:
        click.echo(f"… and {len(rows) - SHOWN_ROWS:,} more (--json lists all)")


def _plain(text: str) -> str:
    """Without control characters: a dead letter may quote what a stranger sent."""
    return "".join(char if char.isprintable() else "�" for char in text)
