"""Pure: a request's planned media in; which of its pictures are encoded smaller first, and the media as sent then, out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analysis_worker.cutting.shrink_pictures import PictureShrink, shrink_picture
from analysis_worker.values import Delivery, PlannedMedia

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_worker.cards import ModelCard
    from analysis_worker.cutting.shrink import Speeds
    from analysis_worker.tokens import PixelChoice


def picture_shrinks(
    media: Sequence[PlannedMedia], *, card: ModelCard, pixels: PixelChoice, speeds: Speeds
) -> dict[int, PictureShrink]:
    """How to shrink those that are, by index; raises `MediaKindUnsupported` where the card takes no pictures."""
    found = {}
    for index, medium in enumerate(media):
        if medium.probed is None or medium.item.kind not in {"image", "frames"}:
            continue
        inline = medium.delivery is Delivery.INLINE
        made = shrink_picture(medium.probed, card=card, pixels=pixels, inline=inline, speeds=speeds)
        if made is not None:
            found[index] = made
    return found


def inline_now(media: Sequence[PlannedMedia], shrinks: Mapping[int, PictureShrink]) -> tuple[PlannedMedia, ...]:
    """The media with what is shrunk on its way; its facts stay those of what the request named."""
    return tuple(
        replace(medium, delivery=Delivery.INLINE) if index in shrinks else medium for index, medium in enumerate(media)
    )


def as_sent(media: Sequence[PlannedMedia], shrinks: Mapping[int, PictureShrink]) -> tuple[PlannedMedia, ...]:
    """The media as the model will see them, at their largest; for counts and limits."""
    return tuple(
        replace(medium, probed=shrinks[index].of(medium.probed), delivery=Delivery.INLINE)
        if index in shrinks and medium.probed is not None
        else medium
        for index, medium in enumerate(media)
    )
