"""Pure: a picture's sides in, the sides the provider scales it to; the same rule serves images and film frames."""

from __future__ import annotations

import math


def scaled_sides(*, width: int, height: int, patch_pixels: int, area_min: float, area_max: float) -> tuple[int, int]:
    """Width and height in pixels, multiples of the patch, with an area between the two bounds where possible.

    The published script rounds both sides to the patch first and scales from the *original* sides when that area is
    out of bounds (Qwen-Omni page, September 2026; 001_c4bbddce233d9b12.txt). `round` is Python's, half to even.
    A side never falls below one patch: the script would give 0 for a thin picture under a small `area_max`.
    """
    nearest = tuple(max(patch_pixels, round(side / patch_pixels) * patch_pixels) for side in (width, height))
    area = nearest[0] * nearest[1]
    if area > area_max:
        beta = math.sqrt((height * width) / area_max)
        smaller = (max(patch_pixels, math.floor(side / beta / patch_pixels) * patch_pixels) for side in (width, height))
        return next(smaller), next(smaller)
    if area < area_min:
        beta = math.sqrt(area_min / (height * width))
        larger = (math.ceil(side * beta / patch_pixels) * patch_pixels for side in (width, height))
        return next(larger), next(larger)
    return nearest[0], nearest[1]
