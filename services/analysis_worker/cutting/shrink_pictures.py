"""Pure: a probed picture and how it would travel in; whether to encode it as a smaller JPEG first, and how, out.

As for films (`shrink.py`) it pays in two cases only: what cannot be sent becomes possible, or more time is saved on the
way than encoding takes. It saves no tokens: the model scales by itself, and what is sent keeps twice the sides that it
looks at, as far as the bytes allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.cutting.picture_sides import sides_within
from analysis_worker.cutting.shrink import Reason, inline_raw_bytes
from analysis_worker.errors import Rejected
from analysis_worker.limits import check_item, fits_inline
from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from analysis_worker.cards import ModelCard, TokenRule
    from analysis_worker.cutting.shrink import Speeds
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.tokens import PixelChoice

TAKEN: Final = frozenset({"jpeg", "png", "bmp", "webp", "tiff"})
"""J: the Omni pages list no picture formats; these are the ones of alibabacloud.com/help/en/model-studio/vision that can
be read here as well. GIF and AVIF are not among them."""
_LOOKED_AT_TIMES: Final = 4
"""Twice each side: the provider scales that down to the same picture that it makes of the whole."""
_BYTES_A_PIXEL: Final = 0.8
"""J: more than a JPEG of good quality takes, so a budget of so many holds what a camera sees at its best."""
_HEADER_BYTES: Final = 4096
_DECODED_PIXELS_MAX: Final = 100_000_000
"""What a child's memory holds decoded (`CutLimits.picture_memory_bytes`); a JPEG is decoded at an eighth at least."""
_START_SECONDS: Final = 0.5
_PIXELS_PER_SECOND: Final = 15_000_000
"""J: of decoding, the slower part; PNG of the largest kind."""
_WORTHWHILE: Final = 1.5
"""As in `shrink.py`: speeds are guesses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureShrink:
    """How to encode it: the area and the bytes that it may have, and the sides that it then has, as shown.

    In a list of frames the sides are those of the widest.
    """

    reason: Reason
    pixels_max: int
    width: int
    height: int
    most_bytes: int

    def of(self, probed: ProbedMedia) -> ProbedMedia:
        """The picture as it will be, at its largest: what its tokens and the limits are counted from."""
        return replace(
            probed,
            format="jpeg",
            content_type="image/jpeg",
            size_bytes=self.most_bytes,
            width=self.width,
            height=self.height,
            rotation_degrees=0,
            sample_bits=None,
        )


def shrink_picture(
    probed: ProbedMedia, *, card: ModelCard, pixels: PixelChoice, inline: bool, speeds: Speeds
) -> PictureShrink | None:
    """Whether and how to encode a picture, or each of a list of frames; null: send it as it is, or have it refused.

    `inline` is whether it would be sent in the body. What comes out goes inline in any case: it always fits.
    """
    width, height = probed.width, probed.height
    if probed.kind not in {"image", "frames"} or not width or not height or not _askable(probed, card):
        return None
    made = _sized(probed, card, pixels, width, height)
    if made is None or not _possible(probed, card, inline=inline):
        return made
    saved_seconds = (probed.size_bytes - made.most_bytes) / speeds.upload_bytes_per_second if inline else 0.0
    needed_seconds = _START_SECONDS + width * height / _PIXELS_PER_SECOND
    return replace(made, reason=Reason.FASTER) if saved_seconds > _WORTHWHILE * needed_seconds else None


def _possible(probed: ProbedMedia, card: ModelCard, *, inline: bool) -> bool:
    """Whether the model takes it as it is: its format, and its bytes on the way they must go.

    J: a provider that reads 16 bits of grey as Pillow does, clipped to 8, sees a white picture.
    """
    if probed.format not in TAKEN or probed.sample_bits is not None:
        return False
    most = card.media_limits(probed.kind).bytes_by_url
    return fits_inline(card, probed) if inline else most is None or probed.size_bytes <= most


def _askable(probed: ProbedMedia, card: ModelCard) -> bool:
    """Whether nothing but its bytes is against it, and it can be decoded: no shrinking mends its sides."""
    if probed.format != "jpeg" and (probed.width or 0) * (probed.height or 0) > _DECODED_PIXELS_MAX:
        return False
    try:
        check_item(card, replace(probed, size_bytes=1), Delivery.INLINE)
    except Rejected:
        return False
    return True


def _looked_at(probed: ProbedMedia, rule: TokenRule, pixels: PixelChoice) -> int:
    """The largest area that the model scales such a picture to."""
    patch_area = rule.patch_pixels**2
    if probed.kind == "frames":
        return pixels.frame_max_pixels or rule.frame_tokens_max * patch_area
    if pixels.high_resolution and rule.image_tokens_max_high_resolution:
        return rule.image_tokens_max_high_resolution * patch_area
    return pixels.image_max_pixels or rule.image_tokens_max * patch_area


def _sized(probed: ProbedMedia, card: ModelCard, pixels: PixelChoice, width: int, height: int) -> PictureShrink | None:
    """None where the card leaves no room for any picture."""
    area = _looked_at(probed, card.token_rule(), pixels) * _LOOKED_AT_TIMES
    room = inline_raw_bytes(card, probed)
    if room is not None:
        area = min(area, int((room - _HEADER_BYTES) / _BYTES_A_PIXEL))
    if area < 1:
        return None
    width, height = sides_within(width, height, pixels_max=area)
    return PictureShrink(
        reason=Reason.POSSIBLE,
        pixels_max=area,
        width=width,
        height=height,
        most_bytes=int(width * height * _BYTES_A_PIXEL) + _HEADER_BYTES,
    )
