"""In: a film or recording as a URL, a path or its bytes. Out: length, rate, sides, sound, read with PyAV.

Runs in the probe's child process only.
"""

from __future__ import annotations

import contextlib
import http.client
import urllib.parse
from pathlib import Path
from typing import Any, Final

import av.error
from av.stream import Disposition

from analysis_worker.media.film_source import opened_film
from analysis_worker.media.probe_images import ProbeFault
from analysis_worker.media.sniff import looks_like_text, sniff

_START_BYTES: Final = 512
_MICROSECONDS: Final = 1_000_000
# Format by the demuxer's name: our name, content type of a film, content type of a recording.
_TYPES: Final = {
    "matroska,webm": ("matroska", "video/x-matroska", "audio/x-matroska"),
    "avi": ("avi", "video/x-msvideo", "video/x-msvideo"),
    "flv": ("flv", "video/x-flv", "video/x-flv"),
    "asf": ("asf", "video/x-ms-wmv", "audio/x-ms-wma"),
    "mpeg": ("mpeg", "video/mpeg", "video/mpeg"),
    "mpegts": ("mpegts", "video/mp2t", "video/mp2t"),
    "wav": ("wav", "audio/wav", "audio/wav"),
    "mp3": ("mp3", "audio/mpeg", "audio/mpeg"),
    "aac": ("aac", "audio/aac", "audio/aac"),
    "amr": ("amr", "audio/amr", "audio/amr"),
    "ogg": ("ogg", "video/ogg", "audio/ogg"),
    "flac": ("flac", "audio/flac", "audio/flac"),
}
_WEBM_CODECS: Final = {"vp8", "vp9", "av1", "opus", "vorbis"}
_QUARTERS: Final = {90, 270}


def film_facts(job: dict[str, Any], head: bytes) -> dict[str, Any]:
    """Facts of one film or recording; raises `ProbeFault` with one of the causes that `probe.py` maps to rejections."""
    kind = job["kind"]
    if job["from"] == "head":
        _check_head(kind, head, job["size_bytes"])
    with opened_film(job, head, named=lambda reason: _named(job, head, reason)) as container:
        return _facts(container, kind)


def _named(job: dict[str, Any], head: bytes, reason: str) -> ProbeFault:
    """Say what the bytes are when the demuxers only say that they are not theirs."""
    kind = job["kind"]
    start = head[:_START_BYTES] or _first_bytes(job)
    found = sniff(start)
    if found is not None and found.family == "image":
        return ProbeFault("mismatch", f"it is an image ({found.content_type}), not {kind}")
    if looks_like_text(start):
        return ProbeFault("undecodable", f"it is text, no {kind}")
    return ProbeFault("undecodable", f"it cannot be read as {kind}: {reason}")


def _first_bytes(job: dict[str, Any]) -> bytes:
    """The first bytes of what PyAV could not open; nothing when they cannot be had either."""
    try:
        if job["from"] == "path":
            with Path(job["address"]).open("rb") as file:
                return file.read(_START_BYTES)
        address = urllib.parse.urlsplit(job["address"])
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.netloc, timeout=job["wall_seconds"])
        with contextlib.closing(connection):
            headers = {**job["headers"], "Range": f"bytes=0-{_START_BYTES - 1}"}
            connection.request("GET", f"{address.path}?{address.query}", headers=headers)
            return connection.getresponse().read(_START_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _check_head(kind: str, head: bytes, size_bytes: int) -> None:
    found = sniff(head)
    if len(head) < size_bytes and (found is None or found.family != "image"):
        raise ProbeFault("short", f"a film's index may lie anywhere; {len(head):,} of {size_bytes:,} bytes do not do")
    if found is not None and found.family == "image":
        raise ProbeFault("mismatch", f"it is an image ({found.content_type}), not {kind}")


def _facts(container: Any, kind: str) -> dict[str, Any]:
    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    sounds = list(container.streams.audio)
    wanted = films if kind == "video" else sounds
    if not wanted:
        other = "audio" if sounds else "video" if films else "nothing that plays"
        raise ProbeFault("mismatch", f"it holds {other}, no {kind}")
    name, content_type = _type(container, films=bool(films), sounds=sounds)
    facts: dict[str, Any] = {
        "format": name,
        "content_type": content_type,
        "duration_seconds": _duration(container, wanted[0]),
        "has_audio": bool(sounds),
        "channels": sounds[0].codec_context.channels if sounds else None,
    }
    if kind == "video":
        facts |= _film_facts(container, films[0])
    return facts


def _film_facts(container: Any, film: Any) -> dict[str, Any]:
    rate = film.average_rate or film.guessed_rate
    width, height = film.codec_context.width, film.codec_context.height
    rotation = _rotation(container, film)
    if rotation in _QUARTERS:
        width, height = height, width
    if not width or not height:
        raise ProbeFault("undecodable", "the film states no size")
    return {
        "width": width,
        "height": height,
        "rotation_degrees": rotation,
        "fps": float(rate) if rate else None,
        "frames": film.frames or None,
    }


def _rotation(container: Any, film: Any) -> int:
    """Clockwise degrees; the display matrix comes with the first decoded frame (PyAV has no other reader for it)."""
    film.codec_context.thread_count = 1
    try:
        frame = next(container.decode(film))
    except (StopIteration, av.error.FFmpegError):
        return 0
    return round(-float(frame.rotation) / 90) * 90 % 360


def _duration(container: Any, stream: Any) -> float:
    if container.duration:
        return round(float(container.duration) / _MICROSECONDS, 6)
    if stream.duration and stream.time_base:
        return round(float(stream.duration * stream.time_base), 6)
    raise ProbeFault("undecodable", "it states no duration; remux it")


def _type(container: Any, *, films: bool, sounds: list[Any]) -> tuple[str, str]:
    demuxer = container.format.name
    if "mp4" in demuxer:
        return _mp4_type(str(container.metadata.get("major_brand", "")), films=films)
    if demuxer == "matroska,webm":
        codecs = {stream.codec_context.name for stream in (*container.streams.video, *sounds)}
        if all(any(codec.startswith(("lib" + known, known)) for known in _WEBM_CODECS) for codec in codecs):
            return "webm", "video/webm" if films else "audio/webm"
    name, film_type, sound_type = _TYPES.get(demuxer, (demuxer, f"video/{demuxer}", f"audio/{demuxer}"))
    return name, film_type if films else sound_type


def _mp4_type(brand: str, *, films: bool) -> tuple[str, str]:
    if brand.startswith("qt"):
        return "mov", "video/quicktime"
    if brand.startswith("3g"):
        return "3gp", "video/3gpp" if films else "audio/3gpp"
    return ("mp4", "video/mp4") if films else ("m4a", "audio/mp4")
