"""Decoded pictures of a film with their times in; its scenes, and what its clock shows from when to when, out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from model_simulator.clock_strip import HEIGHT_SHARE, SAMPLES, clock_words, read_strip
from model_simulator.facts import Moment
from model_simulator.look import colours_of

if TYPE_CHECKING:
    import av

_SIDE: Final = 8
_CUT: Final = 6
"""Of 255: a new scene has begun when half of the picture differs by so much; what moves in a scene is less."""
_LEAST_SECONDS: Final = 0.4
_BRIGHT, _DARK = 65, 35


@dataclass(kw_only=True, slots=True)
class Eye:
    """Watches pictures in order; a scene ends where the next picture is plainly another one."""

    # One for each form: a reformatter that changes its form at every picture is ten times as slow.
    _coloured: VideoReformatter = field(default_factory=VideoReformatter)
    _grey: VideoReformatter = field(default_factory=VideoReformatter)
    _last: bytes = b""
    _scenes: list[tuple[float, str]] = field(default_factory=list)
    _clock: list[tuple[float, int | None]] = field(default_factory=list)

    def see(self, frame: av.VideoFrame, at_seconds: float) -> None:
        """Take the next picture."""
        # Without the line that a clock strip changes from second to second.
        small = _bytes(self._coloured, frame, _SIDE, _SIDE, "rgb24")[3 * _SIDE :]
        if not self._last or self._is_cut(small, at_seconds):
            self._scenes.append((at_seconds, _words(small)))
        self._last = small
        row = _bytes(self._grey, frame, SAMPLES, 2 * HEIGHT_SHARE, "gray")[:SAMPLES]
        shown = read_strip(row)
        if not self._clock or shown != self._clock[-1][1]:
            self._clock.append((at_seconds, shown))

    def scenes(self, end_seconds: float) -> tuple[Moment, ...]:
        """The scenes, the last of which ends with the film."""
        return _moments(self._scenes, end_seconds)

    def clock(self, end_seconds: float) -> tuple[Moment, ...]:
        """What a clock strip in the pictures tells, from when to when; nothing of a film without one."""
        told = [(at, None if shown is None else clock_words(shown)) for at, shown in self._clock]
        return _moments(told, end_seconds)

    def _is_cut(self, small: bytes, at_seconds: float) -> bool:
        if at_seconds - self._scenes[-1][0] < _LEAST_SECONDS:
            return False
        changes = [abs(a - b) for a, b in zip(small, self._last, strict=True)]
        by_pixel = sorted(max(changes[at : at + 3]) for at in range(0, len(changes), 3))
        return by_pixel[len(by_pixel) // 2] >= _CUT


def _bytes(reformatter: VideoReformatter, frame: av.VideoFrame, width: int, height: int, form: str) -> bytes:
    made = reformatter.reformat(frame, width, height, form, interpolation=Interpolation.AREA)
    plane, length = made.planes[0], width * (3 if form == "rgb24" else 1)
    data = bytes(plane)
    return b"".join(data[line * plane.line_size :][:length] for line in range(height))


def _moments(begun: list[tuple[float, str | None]] | list[tuple[float, str]], end_seconds: float) -> tuple[Moment, ...]:
    ends = [*(at for at, _ in begun[1:]), max(end_seconds, begun[-1][0] if begun else 0.0)]
    return tuple(
        Moment(start_seconds=round(at, 3), end_seconds=round(end, 3), words=words)
        for (at, words), end in zip(begun, ends, strict=True)
        if words is not None
    )


def _words(small: bytes) -> str:
    sample = Image.frombytes("RGB", (_SIDE, _SIDE - 1), small)
    brightness = sum(small) / len(small) / 2.55
    light = "bright" if brightness > _BRIGHT else "dark" if brightness < _DARK else "evenly lit"
    return f"A scene that is mostly {' and '.join(colours_of(sample)[:2])}, {light}, of {brightness:.0f} percent brightness"
