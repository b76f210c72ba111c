"""A path in; a film or recording of any length and weight that says at known seconds where it is, and the marks, out.

Each mark of a film is another scene, a clock strip that the simulator reads, and a tone; of a recording the tone alone.
The pitch tells which mark it is, so an answer can be held against the second that it names.
"""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import av
from PIL import Image, ImageDraw

from model_simulator.clock_strip import HEIGHT_SHARE, clock_words, strip_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SIZE = (160, 96)
_FRAMES_PER_SECOND, _KEY_SECONDS = 2, 4
_RATE = 16_000
_FILM_BITS, _SOUND_BITS = 12_000, 32_000
_LOWEST_HERTZ, _STEP_HERTZ = 300, 20
_PAUSE_SAMPLES, _TONE_SAMPLES = _RATE // 5, _RATE // 2
_COLOURS = ("#1f4e79", "#2e6b4f", "#b3541e", "#5b3a8c", "#8c1c3a", "#2b7a78")
_FILLER_NAL = b"\x00\x00\x00\x01\x0c"  # H.264's own padding: every demuxer carries it and no decoder looks at it
_NOISE_BYTES = 16 * 1024 * 1024
_CLOSE_SECONDS = 0.75


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What is shown or heard, and at which second for the first time."""

    words: str
    seconds: float


def shown_marks(seconds: int, *, every: int) -> tuple[Mark, ...]:
    """What the clock of a film shows."""
    return tuple(Mark(words=clock_words(at), seconds=at) for at in range(0, seconds, every))


def heard_marks(seconds: int, *, every: int) -> tuple[Mark, ...]:
    """What sounds."""
    return tuple(Mark(words=f" {_hertz(at // every)} Hz", seconds=at + 0.2) for at in range(0, seconds, every))


def make_film(path: Path, *, seconds: int, every: int, size_bytes: int = 0, seed: int = 1) -> Path:
    """A small film with a mark every so many seconds, weighed down with noise to about `size_bytes`."""
    padding = _padding(size_bytes // (seconds * _FRAMES_PER_SECOND), random.Random(seed))
    with av.open(str(path), "w") as container:
        options = {"g": str(_KEY_SECONDS * _FRAMES_PER_SECOND), "preset": "ultrafast", "tune": "stillimage"}
        video = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options=options)
        video.width, video.height, video.pix_fmt, video.bit_rate = *_SIZE, "yuv420p", _FILM_BITS
        audio = _add_sound(container, "aac")
        for second in range(seconds):
            for tick in range(second * _FRAMES_PER_SECOND, (second + 1) * _FRAMES_PER_SECOND):
                frame = av.VideoFrame.from_image(_picture(second // every, every))
                frame.pts, frame.time_base = tick, Fraction(1, _FRAMES_PER_SECOND)
                _mux(container, video.encode(frame), padding)
            container.mux(audio.encode(_sound(second, every)))
        _mux(container, video.encode(), padding)
        container.mux(audio.encode())
    return path


def make_talk(path: Path, *, seconds: int, every: int) -> Path:
    """An MP3 of silence with a tone at each mark."""
    with av.open(str(path), "w") as container:
        audio = _add_sound(container, "libmp3lame")
        for second in range(seconds):
            container.mux(audio.encode(_sound(second, every)))
        container.mux(audio.encode())
    return path


def misplaced(marks: Sequence[Mark], items: Sequence[dict[str, Any]], *, name: str, seconds: float) -> list[str]:
    """Pure: marks that are not told, or not at their second; items out of order or outside the medium. `name`: of the text.

    What two segments tell of differently stays two items, which meet at their border (seams.py).
    """
    starts = [item["start_seconds"] for item in items]
    wrong = ["out of order"] if starts != sorted(starts) else []
    wrong += [f"an item to {item['end_seconds']} s" for item in items if item["end_seconds"] > seconds + _CLOSE_SECONDS]
    for mark in marks:
        parts = [item for item in items if mark.words in item[name]]
        expected = [mark.seconds, *(part["end_seconds"] for part in parts[:-1])]
        found = [part["start_seconds"] for part in parts]
        if not found or any(abs(at - when) > _CLOSE_SECONDS for at, when in zip(found, expected, strict=True)):
            wrong.append(f"{mark.words.strip()} of {mark.seconds:g} s at {found or 'no time'}")
    return wrong


def _hertz(number: int) -> int:
    return _LOWEST_HERTZ + _STEP_HERTZ * number


def _add_sound(container: Any, codec: str) -> Any:
    audio = container.add_stream(codec, rate=_RATE, layout="mono")
    audio.bit_rate = _SOUND_BITS
    return audio


def _mux(container: Any, packets: Sequence[Any], padding: Iterator[bytes]) -> None:
    """Write packets, each with padding behind its picture; nothing is encoded for it."""
    for packet in packets:
        heavy = av.Packet(bytes(packet) + next(padding))
        heavy.stream, heavy.time_base = packet.stream, packet.time_base
        heavy.pts, heavy.dts, heavy.duration = packet.pts, packet.dts, packet.duration
        heavy.is_keyframe = packet.is_keyframe
        container.mux(heavy)


def _padding(size_bytes: int, dice: random.Random) -> Iterator[bytes]:
    if not size_bytes:
        while True:
            yield b""
    # Without zeros: two of them and a one would be the start of something else.
    noise = dice.randbytes(_NOISE_BYTES).replace(b"\x00", b"\x01")
    while True:
        at = dice.randrange(_NOISE_BYTES - size_bytes)
        yield _FILLER_NAL + noise[at : at + size_bytes]


@cache
def _picture(number: int, every: int) -> Image.Image:
    width, height = _SIZE
    picture = Image.new("RGB", _SIZE, _COLOURS[number % len(_COLOURS)])
    pen = ImageDraw.Draw(picture)
    cells = strip_of(number * every)
    for at, bright in enumerate(cells):
        sides = (at * width / len(cells), 0, (at + 1) * width / len(cells) - 1, height // HEIGHT_SHARE)
        pen.rectangle(sides, fill="white" if bright else "black")
    return picture


def _sound(second: int, every: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=_RATE)
    frame.planes[0].update(_tone(second // every) if second % every == 0 else bytes(2 * _RATE))
    frame.sample_rate, frame.pts, frame.time_base = _RATE, second * _RATE, Fraction(1, _RATE)
    return frame


def _tone(number: int) -> bytes:
    turn = 2 * math.pi * _hertz(number) / _RATE
    wave = [round(9000 * math.sin(turn * at)) for at in range(_TONE_SAMPLES)]
    # Not at once: an encoder swallows a part of what it begins with.
    return array("h", [*[0] * _PAUSE_SAMPLES, *wave, *[0] * (_RATE - _PAUSE_SAMPLES - _TONE_SAMPLES)]).tobytes()
