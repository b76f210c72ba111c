"""Pure: what a probe found out about one media item; the plan, the limits and the token rules read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.cards import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbedMedia:
    """One item as its own bytes describe it; null is what the format does not have or did not say.

    `width` and `height` are as shown, after `rotation_degrees` (EXIF orientation, display matrix) was applied.
    `content_type` is that of the bytes, whatever the request or the store claimed.
    """

    index: int
    kind: Kind
    format: str
    content_type: str
    size_bytes: int
    """Of a frame list its largest file: that is what the limits are about."""
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    fps: float | None = None
    frames: int | None = None
    """Of a film its pictures; of a frame list the number of its files."""
    has_audio: bool = False
    channels: int | None = None
    rotation_degrees: int = 0
    sample_bits: int | None = None
    """Of a grey picture that has more than the usual 8: who reads it as 8 bits sees white."""


def join_frames(frames: Sequence[ProbedMedia]) -> ProbedMedia:
    """One item of kind *frames* out of its probed files, in order; the largest file and sides stand for all.

    Raises `ValueError` for an empty list: a request with one is refused before anything is probed.
    """
    if not frames:
        raise ValueError("a frame list has at least one file")
    widest = max(frames, key=lambda frame: (frame.width or 0) * (frame.height or 0))
    return replace(
        widest,
        kind="frames",
        frames=len(frames),
        size_bytes=max(frame.size_bytes for frame in frames),
        has_audio=False,
        sample_bits=max(frame.sample_bits or 0 for frame in frames) or None,
    )
