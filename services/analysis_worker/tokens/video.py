"""Pure: a film's sides, length and rate in, its visual tokens out; the sound is counted by `audio_tokens`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis_worker import errors
from analysis_worker.tokens.resize import scaled_sides

if TYPE_CHECKING:
    from analysis_worker.cards import TokenRule

# The script multiplies the frame's smallest area by this before it compares (001_c4bbddce233d9b12.txt, smart_resize).
_SMALLEST_AREA_MARGIN = 1.05


def video_tokens(
    *,
    width: int,
    height: int,
    seconds: float,
    source_fps: float,
    rule: TokenRule,
    fps: float | None = None,
    max_pixels: int | None = None,
    total_pixels: int | None = None,
) -> int:
    """Visual tokens of one film: sampled frames, two by two, each scaled to a common size.

    `fps` is the sampling rate asked for, the family's own (2) when null. Whether the request's `fps` changes the
    sampling is not settled by the provider's pages, so the estimate for billing leaves it out unless told.
    Raises `MediaDuration` for a film too short to sample and `MediaDimensions` for a ratio beyond the rule's.
    """
    frames = sampled_frames(seconds=seconds, source_fps=source_fps, rule=rule, fps=fps)
    return frame_list_tokens(
        width=width, height=height, frames=frames, rule=rule, max_pixels=max_pixels, total_pixels=total_pixels
    )


def sampled_frames(*, seconds: float, source_fps: float, rule: TokenRule, fps: float | None = None) -> int:
    """How many frames the provider takes from a film (smart_nframes of the published script); may be odd.

    A fraction of a second at the end counts only when it is longer than one sampling interval.
    """
    sampling_fps = fps or rule.sampling_fps
    merge = rule.temporal_merge_frames
    source_frames = round(seconds * source_fps)
    if source_frames < merge or source_fps <= 0:
        raise errors.MediaDuration(
            f"a film of {source_frames} frame(s) is too short; the model samples {merge} at least"
        )
    frames_min = math.ceil(rule.sampled_frames_min / merge) * merge
    frames_max = min(rule.sampled_frames_max, source_frames) // merge * merge
    duration = source_frames / source_fps
    counted_seconds = duration if duration - int(duration) > 1 / sampling_fps else int(duration)
    counted = math.ceil(counted_seconds * source_fps)
    frames = int(min(max(counted / source_fps * sampling_fps, frames_min), frames_max, counted))
    if frames < merge:
        raise errors.MediaDuration(
            f"a film of {seconds:.3f} s leaves {frames} frame(s) to sample; the model takes {merge} at least"
        )
    return frames


def frame_list_tokens(
    *,
    width: int,
    height: int,
    frames: int,
    rule: TokenRule,
    max_pixels: int | None = None,
    total_pixels: int | None = None,
) -> int:
    """Visual tokens of a number of frames of one size (smart_resize of the published script).

    The script divides by its FPS constant (2) and by a patch of 32; here by the temporal merge and the family's own
    patch, which is the same for the family the script was written for (provider page on video tokens).
    """
    if max(width, height) > rule.ratio_max * min(width, height):
        raise errors.MediaDimensions(
            f"a film of {width} x {height} is beyond {rule.ratio_max:g}:1; crop it or send frames of another shape"
        )
    patch_area = rule.patch_pixels**2
    area_min = rule.frame_tokens_min * patch_area
    whole = total_pixels or rule.video_tokens_max * patch_area
    frame_max = max_pixels or rule.frame_tokens_max * patch_area
    if rule.frame_pixels_limit is not None:
        frame_max = min(frame_max, rule.frame_pixels_limit)
    area_max = max(min(frame_max, whole / frames * rule.temporal_merge_frames), int(area_min * _SMALLEST_AREA_MARGIN))
    columns, rows = scaled_sides(
        width=width, height=height, patch_pixels=rule.patch_pixels, area_min=area_min, area_max=area_max
    )
    return math.ceil(frames / rule.temporal_merge_frames) * (columns * rows // patch_area) + rule.marker_tokens
