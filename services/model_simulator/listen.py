"""The bytes of a recording or a clip in; duration, loudness, what is heard and seen when, or the refusal of bad ones, out."""

from __future__ import annotations

import hashlib
import io
import math
from array import array
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
from PIL import Image

from model_simulator.bursts import RATE, Ear
from model_simulator.facts import Clip, Recording
from model_simulator.look import describe
from model_simulator.refusal import refuse
from model_simulator.scenes import Eye

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model_simulator.rule_table import RuleTable

_LOUDNESS_SECONDS = 60.0  # loudness is measured over the first minute
_HEARD_SECONDS = 3900.0  # decoding more than an hour would hold a thread
_SEEN_PIXELS = 600_000_000  # a film is watched until so many were decoded: some seconds of work
_EVERY_FRAME_PIXELS = 60_000_000  # of a larger film only the key frames are watched
_SILENCE_DECIBELS = -96.0  # the floor of 16 bits


def listen(data: bytes, rules: RuleTable) -> Recording:
    """Decode a recording; raises `Refused` when it is empty or cannot be opened."""
    if not data:
        raise refuse(rules, "audio_empty")
    with _opened(data, rules, "audio_undecodable") as container:
        if not container.streams.audio:
            raise refuse(rules, "audio_undecodable")
        recording = _recording(container, data)
    if recording.duration_seconds <= 0:
        raise refuse(rules, "audio_empty")
    return recording


def watch(data: bytes, rules: RuleTable) -> Clip:
    """Decode a clip as far as its first frame, its counts and its sound; raises `Refused` when it cannot be opened."""
    with _opened(data, rules, "video_undecodable") as container:
        if not container.streams.video:
            raise refuse(rules, "video_undecodable")
        return _clip(container, data, rules)


@contextmanager
def _opened(data: bytes, rules: RuleTable, row: str) -> Iterator[Any]:
    try:
        with av.open(io.BytesIO(data)) as container:
            yield container
    except (av.FFmpegError, ValueError, OSError):
        raise refuse(rules, row) from None


def _recording(container: Any, data: bytes) -> Recording:
    stream = container.streams.audio[0]
    known_seconds = float(container.duration / av.time_base) if container.duration else 0.0
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    ear, squares, samples, heard_seconds = Ear(), 0.0, 0, 0.0
    for frame in container.decode(stream):
        heard_seconds += frame.samples / frame.sample_rate
        if heard_seconds >= _HEARD_SECONDS and known_seconds:
            heard_seconds = known_seconds
            break
        for piece in resampler.resample(frame):
            block = bytes(piece.planes[0])[: piece.samples * 2]
            ear.hear(block)
            if heard_seconds < _LOUDNESS_SECONDS:
                # every eighth sample is enough for a mean
                squares += 8.0 * sum(value * value for value in array("h", block)[::8])
                samples += piece.samples
    return Recording(
        format=container.format.name.split(",")[0],
        duration_seconds=round(heard_seconds, 3),
        sample_rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        loudness_decibels=_decibels(squares, samples),
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sounds=ear.bursts(),
    )


def _decibels(squares: float, samples: int) -> float:
    if not samples or not squares:
        return _SILENCE_DECIBELS
    return round(max(20 * math.log10(math.sqrt(squares / samples) / 32768), _SILENCE_DECIBELS), 1)


def _clip(container: Any, data: bytes, rules: RuleTable) -> Clip:
    stream = container.streams.video[0]
    rate = float(stream.average_rate or 0) or 25.0
    duration = _duration_seconds(container, stream)
    known = stream.frames or max(1, round(duration * rate))
    if known * stream.codec_context.width * stream.codec_context.height > _EVERY_FRAME_PIXELS:
        stream.codec_context.skip_frame = "NONKEY"
    pictures = container.decode(stream)
    frame = next(pictures, None)
    if frame is None:
        raise refuse(rules, "video_undecodable")
    sha256 = hashlib.sha256(data).hexdigest()
    sample = frame.to_image().convert("RGB").resize((64, 64), Image.Resampling.BOX)
    size = (frame.width, frame.height)
    duration = round(duration or known / rate, 3)
    eye = _watched(chain([frame], pictures), zero_seconds=max((container.start_time or 0) / av.time_base, 0.0))
    sound = None
    if container.streams.audio:
        container.seek(0)
        sound = _recording(container, data)
    return Clip(
        format=container.format.name.split(",")[0],
        duration_seconds=duration,
        frames=known,
        frames_per_second=rate,
        width=size[0],
        height=size[1],
        size_bytes=len(data),
        sha256=sha256,
        first_frame=describe(sample, form="frame", size=size, data_bytes=len(data), sha256=sha256),
        sound=sound,
        scenes=eye.scenes(duration),
        clock=eye.clock(duration),
    )


def _watched(pictures: Iterable[Any], *, zero_seconds: float) -> Eye:
    """Show the pictures to an eye, until enough were seen or the film is broken off."""
    eye, pixels = Eye(), 0
    with suppress(av.FFmpegError):
        for frame in pictures:
            eye.see(frame, max(float(frame.time or 0.0) - zero_seconds, 0.0))
            pixels += frame.width * frame.height
            if pixels > _SEEN_PIXELS:
                break
    return eye


def _duration_seconds(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration / av.time_base) if container.duration else 0.0
