"""Pure: an image's sides and pixel options in, its tokens out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis_worker.tokens.resize import scaled_sides

if TYPE_CHECKING:
    from analysis_worker.cards import TokenRule


def image_tokens(
    *,
    width: int,
    height: int,
    rule: TokenRule,
    max_pixels: int | None = None,
    min_pixels: int | None = None,
    high_resolution: bool = False,
) -> int:
    """Tokens of one image; sides in pixels as decoded.

    `high_resolution` overrides `max_pixels` (chat API reference, `vl_high_resolution_images`) and means nothing to a
    family without it. Two pixels options that cross count as the larger one. Raises `ValueError` for an empty side.
    """
    if width < 1 or height < 1:
        raise ValueError(f"an image of {width} x {height} has no tokens; probe it first")
    patch_area = rule.patch_pixels**2
    area_min = min_pixels or rule.image_tokens_min * patch_area
    area_max = max_pixels or rule.image_tokens_max * patch_area
    if high_resolution and rule.image_tokens_max_high_resolution:
        area_max = rule.image_tokens_max_high_resolution * patch_area
    columns, rows = scaled_sides(
        width=width,
        height=height,
        patch_pixels=rule.patch_pixels,
        area_min=area_min,
        area_max=max(area_min, area_max),
    )
    return columns * rows // patch_area + rule.marker_tokens
