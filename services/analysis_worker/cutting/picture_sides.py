"""Pure: a picture's sides and the area that it may have in; the sides of its smaller copy, of the same shape, out."""

from __future__ import annotations

import math
from typing import Final

_SIDE_MAX: Final = 65_500
"""Of a JPEG, in libjpeg."""


def sides_within(width: int, height: int, *, pixels_max: int) -> tuple[int, int]:
    """Sides in pixels, never enlarged, with an area of at most `pixels_max` but for the rounding of the shorter side.

    That one is rounded up: the copy is never thinner than the picture, for a model refuses what is too thin.
    """
    long, short = max(width, height), min(width, height)
    scale = min(1.0, math.sqrt(pixels_max / (width * height)), _SIDE_MAX / long)
    longer = max(1, math.floor(long * scale))
    shorter = -(-longer * short // long)
    return (longer, shorter) if width >= height else (shorter, longer)
