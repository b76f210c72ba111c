"""The table of rules in; a table for people, or JSON for machines, on stdout out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model_simulator.rule_table import Row, load_rules

_PIPE_COLUMNS = 200  # a pipe has no width; ids must stay whole for grep
_STYLES = {"documented": "green", "observed": "cyan", "assumed": "yellow", "invented": "magenta"}


def print_rules(*, as_json: bool) -> None:
    """Print every row with its value, source and basis."""
    rows = load_rules().rows.values()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_COLUMNS)
    if as_json:
        console.file.write(orjson.dumps([asdict(row) for row in rows], option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table(title="Rules of the simulator", title_justify="left")
    for heading in ("rule", "value", "basis", "source"):
        table.add_column(heading, overflow="fold", ratio={"rule": 4, "value": 5, "source": 4}.get(heading))
    for row in rows:
        table.add_row(Text(row.id), Text(shown_value(row)), Text(row.basis, _STYLES[row.basis]), Text(row.source))
    console.print(table)


def shown_value(row: Row) -> str:
    """A rule's value in a cell; a refusal with its status and code in front."""
    value: Any = row.value
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{row.facts['status']} {row.facts['code']}: {text}" if "status" in row.facts else text
