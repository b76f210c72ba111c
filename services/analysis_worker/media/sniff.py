"""Pure: the first bytes of a file in, its kind and format by their signatures out, whatever its name claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["image", "audio", "video"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sniffed:
    """What the signature says; `format` is our short name, `content_type` the one of the data URI."""

    family: Family
    format: str
    content_type: str


def _entry(family: Family, name: str, content_type: str) -> Sniffed:
    return Sniffed(family=family, format=name, content_type=content_type)


JPEG: Final = _entry("image", "jpeg", "image/jpeg")
WEBP: Final = _entry("image", "webp", "image/webp")
_MP4: Final = _entry("video", "mp4", "video/mp4")

# Longest first where one begins like another; the signatures of libmagic's `images`, `audio` and `animation` files.
_PREFIXES: Final[tuple[tuple[bytes, Sniffed], ...]] = (
    (b"\x89PNG\r\n\x1a\n", _entry("image", "png", "image/png")),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", _entry("image", "gif", "image/gif")),
    (b"GIF89a", _entry("image", "gif", "image/gif")),
    (b"BM", _entry("image", "bmp", "image/bmp")),
    (b"II*\x00", _entry("image", "tiff", "image/tiff")),
    (b"MM\x00*", _entry("image", "tiff", "image/tiff")),
    (b"ID3", _entry("audio", "mp3", "audio/mpeg")),
    (b"fLaC", _entry("audio", "flac", "audio/flac")),
    (b"OggS", _entry("audio", "ogg", "audio/ogg")),
    (b"#!AMR", _entry("audio", "amr", "audio/amr")),
    (b"\xff\xf1", _entry("audio", "aac", "audio/aac")),
    (b"\xff\xf9", _entry("audio", "aac", "audio/aac")),
    (b"\xff\xfb", _entry("audio", "mp3", "audio/mpeg")),
    (b"\xff\xf3", _entry("audio", "mp3", "audio/mpeg")),
    (b"\xff\xf2", _entry("audio", "mp3", "audio/mpeg")),
    (b"\x1aE\xdf\xa3", _entry("video", "matroska", "video/x-matroska")),
    (b"FLV\x01", _entry("video", "flv", "video/x-flv")),
    (b"0&\xb2u\x8ef\xcf\x11", _entry("video", "asf", "video/x-ms-wmv")),
)
_RIFF: Final = {
    b"WEBP": WEBP,
    b"WAVE": _entry("audio", "wav", "audio/wav"),
    b"AVI ": _entry("video", "avi", "video/x-msvideo"),
}
# ISO base media files by major brand (ISO/IEC 14496-12 `ftyp`); any other brand is a film.
_BRANDS: Final = {
    b"avif": _entry("image", "avif", "image/avif"),
    b"avis": _entry("image", "avif", "image/avif"),
    b"heic": _entry("image", "heic", "image/heic"),
    b"heix": _entry("image", "heic", "image/heic"),
    b"mif1": _entry("image", "heic", "image/heif"),
    b"M4A ": _entry("audio", "m4a", "audio/mp4"),
    b"qt  ": _entry("video", "mov", "video/quicktime"),
    b"3gp4": _entry("video", "3gp", "video/3gpp"),
    b"3gp5": _entry("video", "3gp", "video/3gpp"),
}


def sniff(head: bytes) -> Sniffed | None:
    """The kind and format of a file's first bytes; null for text and for everything unknown."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _MP4)
    for prefix, sniffed in _PREFIXES:
        if head.startswith(prefix):
            return sniffed
    return None


def looks_like_text(head: bytes) -> bool:
    """Whether the bytes read as UTF-8 without control characters, to name a text file as one."""
    start = head[:512]
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as fault:
        if fault.start < len(start) - 4:
            return False
        text = start[: fault.start].decode("utf-8")
    return bool(text) and all(character.isprintable() or character in "\r\n\t\f" for character in text)
