"""Pure: a recording's samples, block by block, in; where something sounds and at which pitch out."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from model_simulator.facts import Moment

RATE: Final = 16_000
_WINDOW: Final = RATE // 50
_WINDOW_SECONDS: Final = _WINDOW / RATE
_FLOOR: Final = 500
"""Of 32,767: what is quieter is silence in any recording."""
_LOUD_SHARE: Final = 0.12
"""Of the loudest window: what is quieter is silence in this one."""
_PAUSE_SECONDS: Final = 0.3
_LEAST_SECONDS: Final = 0.1
_PITCH_WINDOWS: Final = 15


@dataclass(kw_only=True, slots=True)
class Ear:
    """Listens to mono samples of 16 bits at `RATE`; keeps a peak and its zero crossings for each fiftieth of a second."""

    _held: array[int] = field(default_factory=lambda: array("h"))
    _peaks: array[int] = field(default_factory=lambda: array("h"))
    _crossings: array[int] = field(default_factory=lambda: array("h"))
    _loud_windows: int = 0
    _before: int = 0

    def hear(self, block: bytes) -> None:
        """Take the next samples."""
        self._held.frombytes(block)
        whole = len(self._held) // _WINDOW * _WINDOW
        for start in range(0, whole, _WINDOW):
            window = self._held[start : start + _WINDOW]
            peak = min(max(*window, -min(window)), 32_767)
            self._loud_windows = self._loud_windows + 1 if peak >= _FLOOR else 0
            self._peaks.append(peak)
            # The pitch of a burst is told by its beginning; counting crossings is slow.
            self._crossings.append(_crossings(self._before, window) if 0 < self._loud_windows <= _PITCH_WINDOWS else 0)
            self._before = window[-1]
        del self._held[:whole]

    def bursts(self) -> tuple[Moment, ...]:
        """Everything heard that pauses set apart, in order."""
        loud = max(_FLOOR, int(max(self._peaks, default=0) * _LOUD_SHARE))
        spans: list[tuple[int, int]] = []
        for at, peak in enumerate(self._peaks):
            if peak < loud:
                continue
            if spans and (at - spans[-1][1]) * _WINDOW_SECONDS <= _PAUSE_SECONDS:
                spans[-1] = (spans[-1][0], at + 1)
            else:
                spans.append((at, at + 1))
        return tuple(self._moment(*span) for span in spans if (span[1] - span[0]) * _WINDOW_SECONDS >= _LEAST_SECONDS)

    def _moment(self, first: int, end: int) -> Moment:
        # The windows at the edges hold a part of the burst alone.
        inner = self._crossings[first + 1 : min(end - 1, first + _PITCH_WINDOWS)] or self._crossings[first:end]
        hertz = sum(inner) / (2 * len(inner) * _WINDOW_SECONDS)
        return Moment(
            start_seconds=round(first * _WINDOW_SECONDS, 3),
            end_seconds=round(end * _WINDOW_SECONDS, 3),
            words=f"a sound of about {round(hertz, -1):.0f} Hz",
        )


def _crossings(before: int, window: array[int]) -> int:
    return sum(1 for a, b in pairwise((before, *window)) if (a < 0) != (b < 0))
