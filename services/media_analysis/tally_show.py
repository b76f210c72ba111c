"""Pure: a tally in; a table for people, one JSON document, or CSV out."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from media_analysis.report import figures
from media_analysis.tally_sum import COUNTS, NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from media_analysis.tally_sum import Sums, Tally

_ALWAYS: Final = frozenset({"requests", "succeeded", "input_tokens", "output_tokens"})
_AS_SHARE: Final = frozenset({"estimated_tokens"})
_TOTAL: Final = "total"


def as_json(tally: Tally) -> dict[str, Any]:
    """Return the rows and the total; amounts are decimal strings by currency."""
    rows = [dict(zip(tally.axes, row.keys, strict=True)) | _facts(row.sums) for row in tally.rows]
    return {"by": list(tally.axes), "rows": rows, "total": _facts(tally.total), "repeats": tally.repeats}


def as_csv(tally: Tally) -> str:
    """Return a line for each row under a head; amounts have a column for each currency, and there is no total."""
    currencies = sorted(tally.total.cost)
    amounts = [f"{what}_{currency.lower()}" for what in ("cost", "wasted") for currency in currencies]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(axis.replace(":", "_") for axis in tally.axes), *COUNTS, "estimated_share", *amounts])
    for row in tally.rows:
        spent = [
            _plain(given.get(currency, Decimal(0)))
            for given in (row.sums.cost, row.sums.wasted)
            for currency in currencies
        ]
        share = f"{row.sums.estimated_share:.6f}"
        keys = [_inert(key) for key in row.keys]
        writer.writerow([*keys, *(row.sums.counts[name] for name in COUNTS), share, *spent])
    return out.getvalue()


def as_table(tally: Tally) -> Table:
    """Return the table; a number that is zero in every row has no column."""
    from rich.table import Table  # noqa: PLC0415 — a machine that reads JSON does not wait for it

    names = [name for name in COUNTS if name in _ALWAYS or (tally.total.counts[name] and name not in _AS_SHARE)]
    table = Table(box=None, pad_edge=False, show_footer=len(tally.rows) > 1)
    footer = _line(tally.total, names)
    for number, axis in enumerate(tally.axes):
        table.add_column(axis, footer=_TOTAL if number == 0 else "", overflow="fold")
    for name, text in zip([*names, "estimated", "cost", "wasted"], footer, strict=True):
        table.add_column(name.replace("_", " "), justify="right", footer=text)
    for row in tally.rows:
        table.add_row(*map(_printable, row.keys), *_line(row.sums, names))
    return table


def _line(sums: Sums, names: Sequence[str]) -> list[str]:
    share = f"{sums.estimated_share * 100:.1f} %"
    return [*(figures.count(sums.counts[name]) for name in names), share, _money(sums.cost), _money(sums.wasted)]


def _money(amounts: dict[str, Decimal]) -> str:
    return "\n".join(f"{figures.amount(amount)} {currency}" for currency, amount in sorted(amounts.items())) or "0"


def _facts(sums: Sums) -> dict[str, Any]:
    counts: dict[str, Any] = {name: sums.counts[name] for name in COUNTS}
    return counts | {
        "estimated_share": round(sums.estimated_share, 6),
        "cost": {currency: _plain(amount) for currency, amount in sorted(sums.cost.items())},
        "wasted": {currency: _plain(amount) for currency, amount in sorted(sums.wasted.items())},
    }


def _plain(amount: Decimal) -> str:
    """Return the amount without an exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _inert(text: str) -> str:
    """A label is a stranger's text: what a spreadsheet would run as a formula gets an apostrophe (OWASP, CSV injection)."""
    is_formula = text.startswith(("=", "+", "-", "@", "\t", "\r")) and text != NONE
    return f"'{text}" if is_formula else text


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)
