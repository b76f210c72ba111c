"""The bytes of a picture in; its facts out, or the refusal of what is no picture or has impossible sides."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageStat, UnidentifiedImageError

from model_simulator.facts import Picture
from model_simulator.refusal import refuse

if TYPE_CHECKING:
    from model_simulator.rule_table import RuleTable

_SAMPLE_SIDE_PIXELS = 64  # colours and brightness are read from a small copy
_NAMED_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (200, 30, 30),
    "orange": (235, 140, 40),
    "yellow": (240, 220, 60),
    "green": (50, 140, 60),
    "teal": (40, 140, 140),
    "blue": (50, 90, 200),
    "sky blue": (135, 190, 235),
    "purple": (120, 60, 160),
    "pink": (250, 170, 190),
    "brown": (110, 70, 40),
    "beige": (225, 205, 170),
}


def look(data: bytes, rules: RuleTable) -> Picture:
    """Decode a picture; raises `Refused` for bytes that are none and for sides or ratios out of bounds."""
    try:
        # A picture header that announces a bomb is only a warning to Pillow up to twice its limit.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise refuse(rules, "image_size") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise refuse(rules, "image_undecodable") from None
    with image:
        check_geometry(image.width, image.height, rules)
        return _facts(image, data, rules)


def check_geometry(width: int, height: int, rules: RuleTable) -> None:
    """Raise where a side is too short, the ratio too long or the area too large (S0, S1, OMNI26)."""
    if min(width, height) < rules.limit("image_side_min_pixels"):
        raise refuse(rules, "image_geometry", width=width, height=height)
    if max(width, height) > rules.limit("image_ratio_max") * min(width, height):
        raise refuse(rules, "image_ratio")
    if width * height > rules.limit("image_decode_max_pixels"):
        raise refuse(rules, "image_size")


def _facts(image: Image.Image, data: bytes, rules: RuleTable) -> Picture:
    size, form = image.size, image.format or "unknown"
    try:
        # draft lets libjpeg decode at an eighth, which is all that colours need.
        image.draft("RGB", (_SAMPLE_SIDE_PIXELS * 4, _SAMPLE_SIDE_PIXELS * 4))
        image.load()
        sample = image.convert("RGB").resize((_SAMPLE_SIDE_PIXELS, _SAMPLE_SIDE_PIXELS), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError):  # a picture that is cut off or corrupt behind its header
        raise refuse(rules, "image_undecodable") from None
    return describe(sample, form=form, size=size, data_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def describe(sample: Image.Image, *, form: str, size: tuple[int, int], data_bytes: int, sha256: str) -> Picture:
    """The facts of a picture of which `sample` is a small RGB copy."""
    grey: Any = ImageStat.Stat(sample.convert("L"))
    return Picture(
        format=form,
        width=size[0],
        height=size[1],
        size_bytes=data_bytes,
        sha256=sha256,
        brightness_percent=round(grey.mean[0] / 2.55),
        contrast_percent=round(min(grey.stddev[0] / 1.275, 100)),
        colours=colours_of(sample),
    )


def colours_of(sample: Image.Image) -> tuple[str, ...]:
    """The named colours of a small RGB picture, from most to least common, at most four."""
    raw = sample.resize((16, 16), Image.Resampling.BOX).tobytes()
    pixels = zip(raw[0::3], raw[1::3], raw[2::3], strict=True)
    counts = Counter(_nearest(pixel) for pixel in pixels)
    return tuple(name for name, _ in counts.most_common(4))


def _nearest(pixel: tuple[int, int, int]) -> str:
    def distance(name: str) -> int:
        return sum((a - b) ** 2 for a, b in zip(pixel, _NAMED_COLOURS[name], strict=True))

    return min(_NAMED_COLOURS, key=distance)
