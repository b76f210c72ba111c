"""Pure: a film's seconds in, the bars that tell them in its pictures out, and back; so that a test can see what was seen.

The strip fills the width and the top eighth of a picture: 24 cells, white for one and black for zero. They are 1, 0, the
seconds as 17 bits, a checksum of 4 bits, and 1. It outlives scaling and a low bit rate, which figures do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

CELLS: Final = 24
HEIGHT_SHARE: Final = 8
"""The strip has one part in so many of the picture's height."""
SAMPLES: Final = 4 * CELLS
"""How many samples of brightness `read_strip` wants across the picture."""
_BITS: Final = 17
_CHECK_BITS: Final = 4
_DARK, _BRIGHT = 80, 176


def strip_of(seconds: int) -> tuple[bool, ...]:
    """The cells from left to right; raises ValueError for what 17 bits do not hold."""
    if not 0 <= seconds < 1 << _BITS:
        raise ValueError(f"{seconds} s: a strip tells 0 to {(1 << _BITS) - 1}")
    return (True, False, *_bits(seconds, _BITS), *_bits(_checksum(seconds), _CHECK_BITS), True)


def read_strip(row: Sequence[int]) -> int | None:
    """The seconds that `SAMPLES` brightnesses (0 to 255) from left to right tell; None where there is no strip."""
    cells: list[bool] = []
    for at in range(CELLS):
        brightness = (row[4 * at + 1] + row[4 * at + 2]) // 2
        if _DARK < brightness < _BRIGHT:
            return None
        cells.append(brightness >= _BRIGHT)
    seconds = _number(cells[2 : 2 + _BITS])
    return seconds if tuple(cells) == strip_of(seconds) else None


def clock_words(seconds: int) -> str:
    """The same as a person would read it: 00:17:30."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _bits(number: int, count: int) -> tuple[bool, ...]:
    return tuple(bool(number >> place & 1) for place in reversed(range(count)))


def _number(bits: Sequence[bool]) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _checksum(seconds: int) -> int:
    return (seconds * 31 + 7) % 61 % (1 << _CHECK_BITS)
