"""Pure: the length of a medium, the longest piece allowed and its key frames in; the segments to cut out of it.

Segments are of about equal length, so that the last one is not tiny. Where a key frame lies near enough, a segment
starts on it, because only then can its packets be copied; elsewhere it starts where it should and is encoded again.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.cards import Kind, ModelCard
    from analysis_worker.detail import DetailLevel

OVERLAP_SECONDS: Final = 2.0
"""What two segments share: a word or a gesture that one of them cuts off is whole in the other."""
# A copy ends with the packets that its last picture needs, and containers round: a piece comes out a little longer.
_MARGIN_SECONDS: Final = 0.5
_MOST_MARGIN: Final = 0.1
_MOST_OVERLAP: Final = 0.1
_LEAST_LENGTH: Final = 0.25
_DIGITS: Final = 6


class Cut(StrEnum):
    """How a segment comes out of its medium."""

    COPY = "copy"
    """Its packets as they are, from a key frame on."""
    ENCODE = "encode"
    """Decoded and encoded again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One piece of a medium, in seconds from the medium's start; its first `overlap_seconds` the one before has too."""

    index: int
    start_seconds: float
    end_seconds: float
    overlap_seconds: float = 0.0
    cut: Cut = Cut.COPY

    @property
    def length_seconds(self) -> float:
        """How long it is."""
        return self.end_seconds - self.start_seconds

    @property
    def border_seconds(self) -> float:
        """The middle of the overlap: what starts before it belongs to the segment before, what starts later to this."""
        return self.start_seconds + self.overlap_seconds / 2


def longest_seconds(kind: Kind, *, card: ModelCard, detail: DetailLevel | None) -> float | None:
    """The longest medium that one call is given: the card's limit or the level's recommendation, whichever is less.

    Without a level the card's limit alone. Null for a kind without a length. Raises `MediaKindUnsupported` for one
    that the model does not take.
    """
    known = [card.media_limits(kind).seconds_max, detail.recommended_seconds(kind) if detail else None]
    return min((seconds for seconds in known if seconds is not None), default=None)


def segments_of(
    *,
    duration_seconds: float,
    longest_seconds: float,
    shortest_seconds: float = 0.0,
    key_frames: Sequence[float] | None,
    copies: bool = True,
    overlap_seconds: float = OVERLAP_SECONDS,
) -> tuple[Segment, ...]:
    """The segments of one medium, one alone when it is no longer than `longest_seconds`.

    `key_frames` are the seconds at which a copy may start, in order; null: anywhere, as in a recording. `copies` is
    whether its codecs may be copied at all. Together they cover everything, none is longer than `longest_seconds`,
    and none is shorter than `shortest_seconds` (the card's `seconds_min`) nor than about a quarter of the longest.

    :raises ValueError: for a length that is not above zero, or a shortest that is above four tenths of the longest.
    """
    if not (0 < duration_seconds < math.inf and longest_seconds > 0):
        raise ValueError(f"{duration_seconds} s in pieces of {longest_seconds} s: both must be above zero")
    usual = Cut.COPY if copies else Cut.ENCODE
    if duration_seconds <= longest_seconds:
        return (Segment(index=0, start_seconds=0.0, end_seconds=duration_seconds, cut=usual),)
    most = longest_seconds - min(_MARGIN_SECONDS, longest_seconds * _MOST_MARGIN)
    least = max(shortest_seconds, most * _LEAST_LENGTH)
    if least > most * 0.4:
        raise ValueError(f"pieces of {shortest_seconds} to {longest_seconds} s leave no room to cut")
    overlap = min(overlap_seconds, most * _MOST_OVERLAP)
    found: list[Segment] = []
    start, cut, shared = 0.0, usual, 0.0
    while duration_seconds - start > most:
        left = duration_seconds - start
        count = math.ceil((left - overlap) / (most - overlap))
        length = (left + (count - 1) * overlap) / count
        window = (start + length / 2, min(start + most, duration_seconds - least))
        end, next_cut = _end(start + length, window, overlap, key_frames if copies else None)
        found.append(_segment(found, start, end, shared, cut))
        start, cut, shared = end - overlap, next_cut if copies else Cut.ENCODE, overlap
    return (*found, _segment(found, start, duration_seconds, shared, cut))


def _end(
    target: float, window: tuple[float, float], overlap: float, key_frames: Sequence[float] | None
) -> tuple[float, Cut]:
    """Where to end a segment so that the next one can start on a key frame, an overlap earlier."""
    if key_frames is None:
        return target, Cut.COPY
    at = bisect_left(key_frames, target - overlap)
    near = [key + overlap for key in key_frames[max(at - 1, 0) : at + 1] if window[0] <= key + overlap <= window[1]]
    if not near:
        return target, Cut.ENCODE
    return min(near, key=lambda end: abs(end - target)), Cut.COPY


def _segment(found: list[Segment], start: float, end: float, overlap: float, cut: Cut) -> Segment:
    return Segment(
        index=len(found),
        start_seconds=round(start, _DIGITS),
        end_seconds=round(end, _DIGITS),
        overlap_seconds=round(overlap, _DIGITS),
        cut=cut,
    )
