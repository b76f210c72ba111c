"""In: a picture's first bytes, or all of it. Out: its format and sides as shown, from the header; nothing is decoded.

Runs in the probe's child process only: Pillow parses what a stranger sent.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from analysis_worker.media.sniff import looks_like_text, sniff

if TYPE_CHECKING:
    from typing import BinaryIO

    from analysis_worker.media.sniff import Sniffed

# The EXIF orientations that turn the picture by a quarter, and what they are in degrees (EXIF 2.32, tag 274).
_ORIENTATION_TAG: Final = 274
_TIFF_WIDTH_TAG, _TIFF_HEIGHT_TAG = 256, 257
_DEGREES: Final = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_QUARTERS: Final = {90, 270}
PILLOW_FORMATS: Final = {
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "gif": ("GIF",),
    "bmp": ("BMP",),
    "tiff": ("TIFF",),
    "avif": ("AVIF",),
    "webp": ("WEBP",),
}
_START_BYTES: Final = 512
# Bits a sample of the modes that hold more than 8 of grey.
_DEEP_MODES: Final = {"I;16": 16, "I;16L": 16, "I;16B": 16, "I;16N": 16, "I": 32, "F": 32}
_VP8X_HEADER_BYTES: Final = 30


class ProbeFault(Exception):
    """Why a probe has no facts; `cause` is a word of the child's protocol."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


def lift_pixel_limit() -> None:
    """Let Pillow name the sides of a decompression bomb instead of refusing it: nothing is decoded here."""
    Image.MAX_IMAGE_PIXELS = None


def image_facts(head: bytes, size_bytes: int) -> dict[str, Any]:
    """Format, content type, sides and rotation; raises `ProbeFault` *mismatch*, *undecodable* or *short*.

    *short* means that the header goes on beyond the bytes given: a TIFF with its directory at the end, a JPEG with
    megabytes of metadata in front.
    """
    return _facts(io.BytesIO(head), held_bytes=len(head), size_bytes=size_bytes)


def whole_image_facts(file: BinaryIO, size_bytes: int) -> dict[str, Any]:
    """As `image_facts`, of a file that can be read anywhere; never *short*."""
    return _facts(file, held_bytes=size_bytes, size_bytes=size_bytes)


def require_picture(start: bytes) -> Sniffed:
    """What a picture's first bytes say it is; raises `ProbeFault` for all else, and for what cannot be read here."""
    found = sniff(start)
    if found is None:
        like = "it is text" if looks_like_text(start) else f"it starts with {start[:8].hex(' ') or 'nothing'}"
        raise ProbeFault("undecodable", f"no picture of a known format: {like}")
    if found.family != "image":
        raise ProbeFault("mismatch", f"it is {found.family} ({found.content_type}), not an image")
    if found.format not in PILLOW_FORMATS:
        raise ProbeFault("undecodable", f"{found.content_type} cannot be read here; convert it to JPEG, PNG or WebP")
    return found


def _facts(file: BinaryIO, *, held_bytes: int, size_bytes: int) -> dict[str, Any]:
    start = file.read(_START_BYTES)
    file.seek(0)
    found = require_picture(start)
    if found.format == "webp":
        width, height, orientation, bits = *_webp_sides(start), None
    else:
        width, height, orientation, bits = _pillow_facts(
            file, found.format, held_bytes=held_bytes, size_bytes=size_bytes
        )
    if width < 1 or height < 1:
        raise ProbeFault("undecodable", f"the header says {width} x {height} pixels")
    rotation = _DEGREES.get(orientation, 0)
    if rotation in _QUARTERS:
        width, height = height, width
    return {
        "format": found.format,
        "content_type": found.content_type,
        "width": width,
        "height": height,
        "rotation_degrees": rotation,
        "sample_bits": bits,
    }


def _pillow_facts(file: BinaryIO, name: str, *, held_bytes: int, size_bytes: int) -> tuple[int, int, int, int | None]:
    try:
        with Image.open(file, formats=PILLOW_FORMATS[name]) as picture:
            width, height = _stored_sides(picture)
            return width, height, orientation_of(picture), _DEEP_MODES.get(picture.mode)
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, KeyError, IndexError, TypeError) as fault:
        # Pillow's header parsers let all of these through, by format and by what is broken.
        if held_bytes < size_bytes:
            raise ProbeFault("short", f"the {name} header goes on beyond the first {held_bytes:,} bytes") from fault
        raise ProbeFault("undecodable", f"the {name} header is broken: {fault}") from fault


def _stored_sides(picture: Image.Image) -> tuple[int, int]:
    """The sides as stored: Pillow has turned those of a TIFF already, and only those."""
    tags = getattr(picture, "tag_v2", None)
    return picture.size if tags is None else (int(tags[_TIFF_WIDTH_TAG]), int(tags[_TIFF_HEIGHT_TAG]))


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation, 1 when there is none or the EXIF is broken: the picture is not.

    Never `Image.getexif`, which decodes a PNG to look for chunks behind the pixels.
    """
    tags = getattr(picture, "tag_v2", None)
    raw = picture.info.get("exif")
    if tags is None and isinstance(raw, bytes):
        tags = Image.Exif()
        try:
            tags.load(raw)
        except (SyntaxError, ValueError, OSError, struct.error, KeyError, IndexError, TypeError):
            return 1
    value = 1 if tags is None else tags.get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) else 1


def _webp_sides(head: bytes) -> tuple[int, int, int]:
    """The canvas of a WebP (RFC 9649); Pillow wants the whole file, and an animation's frames, for the same answer.

    EXIF stands behind the pixels in this format and browsers apply it seldom, so the orientation is always 1.
    """
    chunk, body = head[12:16], head[20:_VP8X_HEADER_BYTES]
    if chunk == b"VP8X" and len(body) >= 10:  # noqa: PLR2004  (flags 4 bytes, then two sides of 3)
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"), 1
    if chunk == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:  # noqa: PLR2004  (RFC 9649 §3.4: signature, 14 + 14 bits)
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 1
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":  # RFC 6386 §9.1: start code, then 14-bit sides
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF, 1
    raise ProbeFault("undecodable", f"the WebP header is broken: first chunk {chunk!r}")
