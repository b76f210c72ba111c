"""Pure: sizes, durations and texts in; token counts by the provider's published scripts out.

Images and video: the scripts of seed S1 with the constants of OMNI26. Text: no tokenizer is published for this family,
so a stated rule stands in (`limit/text_characters_per_token`, assumed).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_simulator.rule_table import Family, RuleTable

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_MERGE_TO = 2  # frames are counted in pairs (S1's script, FRAME_FACTOR)


class TooFewFrames(ValueError):
    """A clip has fewer than two frames to sample (S1's script raises here)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """What a picture may be resized to, in pixels: the least, the most, and the side of one token."""

    low: float
    high: float
    factor: int


def text_tokens(text: str, rules: RuleTable) -> int:
    """One token per CJK character, and one per four bytes of the rest, rounded up."""
    wide = len(_WIDE.findall(text))
    rest = len(text.encode("utf-8", "surrogatepass")) - 3 * wide  # every wide character takes three bytes
    return wide + math.ceil(rest / int(rules.limit("text_characters_per_token")))


def resize(width: int, height: int, area: Area) -> tuple[int, int]:
    """Width and height in pixels after the service's resize, both multiples of the factor (S1's script)."""
    factor = area.factor
    to_height = max(factor, round(height / factor) * factor)
    to_width = max(factor, round(width / factor) * factor)
    if to_height * to_width > area.high:
        beta = math.sqrt(height * width / area.high)
        to_height, to_width = (max(factor, math.floor(side / beta / factor) * factor) for side in (height, width))
    elif to_height * to_width < area.low:
        beta = math.sqrt(area.low / (height * width))
        to_height, to_width = (math.ceil(side * beta / factor) * factor for side in (height, width))
    return to_width, to_height


def image_tokens(
    width: int,
    height: int,
    family: Family,
    rules: RuleTable,
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    high_resolution: bool = False,
) -> int:
    """Tokens of one picture of `width` by `height` pixels, markers included (OMNI26)."""
    cell = family.factor_pixels**2
    high = float(max_pixels or family.image_max_tokens * cell)
    if high_resolution and family.image_high_tokens:
        high = float(family.image_high_tokens * cell)  # max_pixels is ignored then (CHAT)
    low = float(max(min_pixels or 0, family.image_min_tokens * cell))
    to_width, to_height = resize(width, height, Area(low=min(low, high), high=high, factor=family.factor_pixels))
    return to_width * to_height // cell + int(rules.limit("image_marker_tokens"))


def sampled_frames(*, total_frames: int, frames_per_second: float, family: Family, sampling_fps: float) -> int:
    """How many frames are looked at (S1's smart_nframes); raises `TooFewFrames` below two."""
    least = math.ceil(family.sampled_frames_min / _MERGE_TO) * _MERGE_TO
    most = min(family.sampled_frames_max, total_frames) // _MERGE_TO * _MERGE_TO
    duration = total_frames / frames_per_second if frames_per_second else 0.0
    kept = duration if duration - int(duration) > 1 / sampling_fps else int(duration)
    total = math.ceil(kept * frames_per_second)
    wanted = total / frames_per_second * sampling_fps if frames_per_second else 0.0
    count = int(min(max(wanted, least), most, total))
    if not _MERGE_TO <= count <= total:
        raise TooFewFrames(f"{total} frames at {frames_per_second} a second leave {count} to sample; at least 2 needed")
    return count


def frames_tokens(
    width: int,
    height: int,
    count: int,
    family: Family,
    rules: RuleTable,
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    total_pixels: int | None = None,
) -> int:
    """Tokens of `count` frames of `width` by `height` pixels, markers included (S1's smart_resize and count)."""
    cell = family.factor_pixels**2
    low = float(min_pixels or family.frame_min_tokens * cell)
    total = total_pixels or family.video_total_tokens * cell
    frame = max_pixels or family.frame_max_tokens * cell
    high = max(min(frame, total / count * _MERGE_TO), int(low * rules.limit("frame_min_slack")))
    to_width, to_height = resize(width, height, Area(low=low, high=high, factor=family.factor_pixels))
    pairs = math.ceil(count / rules.limit("video_temporal_merge"))
    return int(pairs * to_width * to_height / cell) + int(rules.limit("video_marker_tokens"))


def audio_tokens(seconds: float, family: Family, rules: RuleTable) -> int:
    """Tokens of a recording that is listened to; less than a second counts as one (S1, S2)."""
    # In decimals: 1.12 s at 25 a second are 28 tokens, and 28.000000000000004 as a product of floats.
    least, rate = (Decimal(str(value)) for value in (rules.limit("audio_min_seconds"), family.audio_tokens_per_second))
    exact = max(Decimal(str(seconds)), least) * rate
    return math.ceil(exact) if rules.limit("audio_tokens_round_up") else int(exact)


def speech_tokens(seconds: float, family: Family) -> int:
    """Tokens of a spoken answer (OMNI26)."""
    return math.ceil(Decimal(str(seconds)) * Decimal(str(family.speech_tokens_per_second)))
