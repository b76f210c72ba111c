"""Pure: numbers in, the text that a reader compares at a glance out."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

UNKNOWN: Final = "–"
_SHOWN: Final = Decimal("0.000001")
_MINUTE_SECONDS: Final = 60
_MEBIBYTE: Final = 1024 * 1024


def count(value: int | None) -> str:
    """Return a number with thousands separated; what is not known is a dash, never a zero."""
    return UNKNOWN if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """Return a duration: milliseconds below a second, two decimals below a minute."""
    if value is None:
        return UNKNOWN
    if value < 1:
        milliseconds = value * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 or not milliseconds else f"{milliseconds:.1f} ms"  # noqa: PLR2004 — one decimal where the first digit is all there is
    if value < _MINUTE_SECONDS:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), _MINUTE_SECONDS)
    return f"{minutes} min {rest:02d} s"


def clock(value: float) -> str:
    """Return a place in a medium as players show it, 1:02:03, with the fraction that it has: 4:00.5."""
    whole, fraction = divmod(round(value, 3), 1)
    minutes, rest = divmod(int(whole), _MINUTE_SECONDS)
    hours, minutes = divmod(minutes, _MINUTE_SECONDS)
    shown = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return shown + f"{fraction:.3f}".removeprefix("0").rstrip("0").rstrip(".")


def amount(value: Decimal | None) -> str:
    """Return an amount with six decimals, so that a column of them lines up."""
    if value is None:
        return UNKNOWN
    if 0 < value < _SHOWN:
        return f"< {_SHOWN}"
    return f"{value.quantize(_SHOWN):,}"


def share(part: Decimal, whole: Decimal) -> str:
    """Return a part in per cent of the whole."""
    return UNKNOWN if not whole else f"{part / whole * 100:.1f} %"


def size(size_bytes: int | None) -> str:
    """Return bytes as kilobytes or mebibytes."""
    if size_bytes is None:
        return UNKNOWN
    return f"{size_bytes / 1024:,.0f} KiB" if size_bytes < _MEBIBYTE else f"{size_bytes / _MEBIBYTE:,.1f} MiB"
