"""In: an order to cut one segment out of a film or recording. Out: a file with it, and what was written, by PyAV.

Runs in the cutter's child process only. Each stream is copied or encoded for itself; both are moved by the same
instant, so that picture and sound stay in step, and that instant is told: an answer's times count from it.
"""

from __future__ import annotations

import errno
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import av.error
from av.stream import Disposition

from analysis_worker.cutting.cut_tracks import CopiedTrack, EncodedFilm, EncodedSound, Track
from analysis_worker.media.film_source import opened_film
from analysis_worker.media.probe_images import ProbeFault

if TYPE_CHECKING:
    from collections.abc import Iterator

# Containers whose packets all say when they are shown; AVI and ASF do not.
_TIMED: Final = ("mp4", "matroska", "flv", "mpegts")
# J: what the lists of formats (S1, OMNI26) commonly hold; VP9, AV1 and the like are encoded to be safe.
_COPIED_FILMS: Final = {"h264", "hevc", "mpeg4"}
_COPIED_SOUNDS_IN_FILMS: Final = {"aac", "mp3", "mp3float"}
# Codec of a recording that is copied → muxer, name, content type; all in the list of formats (S1).
_RECORDINGS: Final = {
    "mp3": ("mp3", "mp3", "audio/mpeg"),
    "mp3float": ("mp3", "mp3", "audio/mpeg"),
    "aac": ("adts", "aac", "audio/aac"),
    "pcm_s16le": ("wav", "wav", "audio/wav"),
    "amrnb": ("amr", "amr", "audio/amr"),
    "amrwb": ("amr", "amr", "audio/amr"),
}
_ENCODED_RECORDING: Final = ("mp3", "mp3", "audio/mpeg")
_FILM: Final = ("mp4", "mp4", "video/mp4")
# Where sound and picture lie far apart in the file, one of them ends late; where one has ended early, nothing comes.
_INTERLEAVED_SECONDS: Final = 10
_LATE_SECONDS: Final = 1
# Key frames are told to the microsecond: one rounded down must not lead to the key frame before.
_SEEK_SECONDS: Final = Fraction(1, 500)
_BROADCAST_SECONDS: Final = 10
_LEAST_KEY_SPACING_SECONDS: Final = 0.5
_MOST_KEY_FRAMES: Final = 20_000
_UNTOLD: Final = {"mp3", "aac"}
"""Formats whose length is guessed from the first packets, unless a header of an MP3 tells it."""
_DIGITS: Final = 6


def film_look(job: dict[str, Any]) -> dict[str, Any]:
    """Where a film may be cut without encoding it again, and whether at all; raises `ProbeFault`."""
    with opened_film(job, b"", named=lambda reason: _named(job, reason)) as container:
        film, sound = _streams(container, job["kind"])
        if film is None:
            copies, length = sound.codec_context.name in _RECORDINGS, _length_told(container, sound)
            return {"key_frames": None, "copies": copies, "duration_seconds": length}
        copies = film_is_copied(container, film)
        keys = islice(_key_frames(container, film, job), _MOST_KEY_FRAMES) if copies else ()
        return {"key_frames": list(keys), "copies": copies, "duration_seconds": None}


def cut_film(job: dict[str, Any]) -> dict[str, Any]:
    """Write one segment to `job["out"]`; its facts. Raises `ProbeFault`, with the cause `space` at the size limit."""
    facts = None
    with opened_film(job, b"", named=lambda reason: _named(job, reason)) as container:
        try:
            facts = _cut(container, job)
            if facts is None and job["cut"] == "copy":  # no key frame where one was promised
                facts = _cut(container, {**job, "cut": "encode"})
        except (av.error.FFmpegError, OSError) as fault:
            if fault.errno not in {errno.EFBIG, errno.ENOSPC}:
                raise
            said = f"the piece takes more than the {job['out_bytes']:,} bytes reserved"
            raise ProbeFault("space", said) from fault
    if facts is None:
        raise ProbeFault("undecodable", f"it holds nothing from {job['start_seconds']:g} s on")
    return facts


def film_is_copied(container: Any, film: Any) -> bool:
    """Whether the packets of its pictures may be copied into an MP4."""
    return film.codec_context.name in _COPIED_FILMS and any(name in container.format.name for name in _TIMED)


def _cut(container: Any, job: dict[str, Any]) -> dict[str, Any] | None:
    """The facts of what was written; None when it begins too late or nowhere."""
    film, sound = _streams(container, job["kind"])
    muxer, name, content_type = _FILM if film is not None else _recording(sound, job)
    zero = Fraction(container.start_time or 0, av.time_base)
    start, end = zero + Fraction(job["start_seconds"]), zero + Fraction(job["end_seconds"])
    with av.open(job["out"], "w", format=muxer) as out:
        tracks = {
            stream.index: _track(stream, out, container=container, job=job, start=start, end=end, muxer=muxer)
            for stream in (film, sound)
            if stream is not None
        }
        _seek(container, start)
        leader = tracks[(film if film is not None else sound).index]
        # What begins with the medium begins with its clock, whichever stream is the first to have something.
        base = None if isinstance(leader, CopiedTrack) and job["start_seconds"] > 0 else start
        written = _write(container, out, tracks, leader, base=base, end=end)
    if written is None or written > start + _LATE_SECONDS:
        return None
    return {
        "format": name,
        "content_type": content_type,
        "start_seconds": max(float(written - zero), 0.0),
        "size_bytes": Path(job["out"]).stat().st_size,
    }


def _write(
    container: Any, out: Any, tracks: dict[int, Track], leader: Track, *, base: Fraction | None, end: Fraction
) -> Fraction | None:
    """Mux what lies before `end`; the instant that is the piece's zero, or None when there was nothing."""
    early: list[tuple[Track, Any]] = []
    goes_on = False
    for packet in container.demux([track.source for track in tracks.values()]):
        if packet.dts is None and packet.pts is None:
            continue  # the demuxer's farewell
        track = tracks[packet.stream.index]
        goes_on = goes_on or track.instant(packet) >= end
        if track.instant(packet) > end + _INTERLEAVED_SECONDS:
            break
        if base is None and track is leader and track.opens(packet):
            base = track.instant(packet)
        if base is None:
            early.append((track, packet))  # sound that stands before the key frame in the file
            continue
        for earlier, kept in early:
            out.mux(earlier.take(kept, base))
        early.clear()
        out.mux(track.take(packet, base))
        if all(other.is_over for other in tracks.values()):
            break
    if base is None:
        return None
    goes_on = goes_on or any(track.has_begun for track in tracks.values() if track is not leader)
    for track in tracks.values():
        out.mux(track.rest(base, goes_on=goes_on))
    return base if leader.has_begun else None


def _track(
    stream: Any, out: Any, *, container: Any, job: dict[str, Any], start: Fraction, end: Fraction, muxer: str
) -> Track:
    codec = stream.codec_context.name
    if stream.type == "video":
        if job["cut"] == "copy" and film_is_copied(container, stream):
            return CopiedTrack(stream, out, start=start, end=end)
        return EncodedFilm(stream, out, start=start, end=end, pixels=job["pixels_max"], bits=job["film_bits"])
    is_copied = codec in (_COPIED_SOUNDS_IN_FILMS if job["kind"] == "video" else _RECORDINGS) and job["cut"] == "copy"
    if is_copied:
        return CopiedTrack(stream, out, start=start, end=end)
    return EncodedSound(stream, out, start=start, end=end, muxer=muxer, bits=job["sound_bits"])


def _recording(sound: Any, job: dict[str, Any]) -> tuple[str, str, str]:
    known = _RECORDINGS.get(sound.codec_context.name) if job["cut"] == "copy" else None
    return known or _ENCODED_RECORDING


def _streams(container: Any, kind: str) -> tuple[Any, Any]:
    """The film (null for a recording) and its sound (null when silent)."""
    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    sounds = list(container.streams.audio)
    if not (films if kind == "video" else sounds):
        raise ProbeFault("mismatch", f"it holds no {kind}")
    return films[0] if kind == "video" else None, sounds[0] if sounds else None


def _seek(container: Any, instant: Fraction) -> None:
    # A stream for broadcast has no index: a seek ends anywhere before, and the key frame must be read up to.
    before = _BROADCAST_SECONDS if "mpeg" in container.format.name else -_SEEK_SECONDS
    try:
        container.seek(int((instant - before) * av.time_base), backward=True)
    except av.error.FFmpegError:
        return  # it cannot: read from where it stands, and leave out what comes before


def _length_told(container: Any, sound: Any) -> float | None:
    """How long a recording is whose file does not say so, by reading it to its end; null where the file does say it.

    FFmpeg takes such a file for as dense as its first packets: one that begins with silence lasts 20 times as long.
    """
    if container.format.name not in _UNTOLD:
        return None
    last: Any = None
    for packet in container.demux(sound):
        if packet.pts is not None:
            last = packet
    if last is None:
        return None
    first = sound.start_time or 0
    return round(float((last.pts + (last.duration or 0) - first) * last.time_base), _DIGITS)


def _key_frames(container: Any, film: Any, job: dict[str, Any]) -> Iterator[float]:
    """Seconds from the start, at least half a second apart; from the index, or by looking where seeks end."""
    zero = Fraction(container.start_time or 0, av.time_base)
    length = Fraction(container.duration or 0, av.time_base)
    known = list(_indexed(container, film))
    spacing = known[-1] - known[-2] if known[1:] else Fraction(0)
    if not spacing or known[-1] - zero < length - 3 * spacing - 1:  # it goes as far as the file was read
        known = sorted(_found(container, film, Fraction(job["step_seconds"]), zero, length))
    last = None
    for seconds in (round(max(float(instant - zero), 0.0), 6) for instant in known):
        if last is None or seconds >= last + _LEAST_KEY_SPACING_SECONDS:
            yield seconds
            last = seconds


def _indexed(container: Any, film: Any) -> Iterator[Fraction]:
    """When the key frames of the index are shown; some indexes tell when they are decoded."""
    stamps = [entry.timestamp for entry in film.index_entries if entry.is_keyframe]
    first = next((packet for packet in container.demux(film) if packet.is_keyframe), None)
    wait = first.pts - stamps[0] if stamps and first is not None and first.pts is not None else 0
    wait = wait if 0 <= wait * film.time_base < 1 else 0
    return (Fraction((stamp + wait) * film.time_base) for stamp in stamps)


def _found(container: Any, film: Any, step: Fraction, zero: Fraction, length: Fraction) -> Iterator[Fraction]:
    for number in range(int(length / step) + 1):
        try:
            container.seek(int((zero + number * step) * av.time_base), backward=True)
            packet = next(
                (found for found in container.demux(film) if found.is_keyframe and found.pts is not None), None
            )
        except av.error.FFmpegError:
            return
        if packet is not None:
            yield Fraction(packet.pts * packet.time_base)


def _named(job: dict[str, Any], reason: str) -> ProbeFault:
    return ProbeFault("undecodable", f"it cannot be cut as {job['kind']}: {reason}")
