"""In: an order to encode a picture smaller. Out: a JPEG with it, upright and of 8 bits, and what was written, by Pillow.

Runs in the cutter's child process only. A picture is decoded once, in the size that its format decodes to, and brought
to colours and size strip by strip: nothing else is held whole.
"""

from __future__ import annotations

import io
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from analysis_worker.cutting.picture_sides import sides_within
from analysis_worker.media.picture_source import opened_picture
from analysis_worker.media.probe_images import (
    PILLOW_FORMATS,
    ProbeFault,
    lift_pixel_limit,
    orientation_of,
    require_picture,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_START_BYTES: Final = 512
_STRIP_PIXELS: Final = 4_000_000
_PIXELS_MAX: Final = 178_956_970
"""As `limits.PIXELS_MAX`, which planning holds it against; here it is the memory that is bounded."""
_QUALITIES: Final = ((90, 0), (85, 2), (75, 2), (60, 2), (45, 2), (30, 2))
"""Quality and subsampling of colours, best first: what fits is taken."""
_WHITE: Final = (255, 255, 255)
# EXIF 2.32, tag 274: how a picture is put upright.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def cut_picture(job: dict[str, Any]) -> dict[str, Any]:
    """Write the picture to `job["out"]`, of at most `pixels_max` and `out_bytes`; its facts. Raises `ProbeFault`."""
    lift_pixel_limit()  # the area is checked below, and by a name of ours
    with opened_picture(job) as file:
        found = require_picture(file.read(_START_BYTES))
        file.seek(0)
        with _faults_of(found.format), Image.open(file, formats=PILLOW_FORMATS[found.format]) as picture:
            small = _small(picture, job["pixels_max"])
    data = _encoded(small, job["out_bytes"])
    Path(job["out"]).write_bytes(data)
    return {"format": "jpeg", "content_type": "image/jpeg", "start_seconds": 0.0, "size_bytes": len(data)}


@contextmanager
def _faults_of(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, KeyError, IndexError, TypeError) as fault:
        raise ProbeFault("undecodable", f"the {name} picture is broken: {fault}") from fault


def _small(picture: Image.Image, pixels_max: int) -> Image.Image:
    width, height = picture.size
    if width * height > _PIXELS_MAX:
        said = f"it is {width} x {height} pixels; more than {_PIXELS_MAX:,} in all are refused; scale it down"
        raise ProbeFault("sides", said)
    # A TIFF is upright as soon as it is open, and in a WebP nobody looks for it (probe_images.py).
    turn = None if picture.format in {"TIFF", "WEBP"} else _UPRIGHT.get(orientation_of(picture))
    wanted = sides_within(width, height, pixels_max=pixels_max)
    picture.draft(None, wanted)  # a JPEG is decoded at a half, a quarter or an eighth where that is enough
    picture.load()
    small = _reduced(picture, max(1, min(picture.width // wanted[0], picture.height // wanted[1])))
    if small.size != wanted:
        small = small.resize(wanted, Image.Resampling.LANCZOS)
    return small if turn is None else small.transpose(turn)


def _reduced(picture: Image.Image, factor: int) -> Image.Image:
    """The picture in red, green and blue, each side divided by `factor`, rounded up."""
    whole = Image.new("RGB", (-(-picture.width // factor), -(-picture.height // factor)))
    coloured = _colouring(picture)
    rows = max(1, _STRIP_PIXELS // picture.width // factor) * factor
    for top in range(0, picture.height, rows):
        strip = coloured(picture.crop((0, top, picture.width, min(top + rows, picture.height))))
        whole.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return whole


def _colouring(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """How a strip of the picture is brought to red, green and blue."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        low, high = _levels(picture)
        scale = 255 / (high - low)
        return lambda strip: _grey(strip).point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    if picture.has_transparency_data:
        return _over_white
    return lambda strip: strip.convert("RGB")


def _over_white(strip: Image.Image) -> Image.Image:
    """As the provider's own tool does (`to_rgb` in qwen_vl_utils/vision_process.py): nothing shows what lies under it."""
    seen = strip.convert("RGBA")
    white = Image.new("RGB", seen.size, _WHITE)
    white.paste(seen, mask=seen.getchannel("A"))
    return white


def _grey(strip: Image.Image) -> Image.Image:
    return strip if strip.mode == "F" else strip.convert("I")


def _levels(picture: Image.Image) -> tuple[float, float]:
    """What is shown as black and as white: of whole numbers all bits in use, of fractions what there is."""
    rows = max(1, _STRIP_PIXELS // picture.width)
    strips = (
        _grey(picture.crop((0, top, picture.width, min(top + rows, picture.height)))).getextrema()
        for top in range(0, picture.height, rows)
    )
    ends: list[Any] = list(strips)
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if picture.mode == "F":
        return low, high if high > low else low + 1
    return 0, max(255, 2 ** int(high).bit_length() - 1) if high > 0 else 255


def _encoded(picture: Image.Image, most_bytes: int) -> bytes:
    for quality, subsampling in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=subsampling)
        if out.tell() <= most_bytes:
            return out.getvalue()
    raise ProbeFault("space", f"the picture takes more than the {most_bytes:,} bytes reserved")
