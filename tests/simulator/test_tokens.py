"""The token rules against the figures of the provider reference (§5), computed there from the published scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_simulator.rule_table import load_rules
from model_simulator.tokens import (
    Area,
    TooFewFrames,
    audio_tokens,
    frames_tokens,
    image_tokens,
    resize,
    sampled_frames,
    text_tokens,
)

RULES = load_rules()
NEW, FLASH3, TURBO = (RULES.families[name] for name in ("omni-3.5", "omni-3", "omni-turbo"))


@pytest.mark.parametrize(
    ("width", "height", "new", "flash3", "turbo"),
    [
        (1920, 1080, 1224, 1224, 1224),
        (1280, 720, 882, 882, 1198),
        (640, 480, 302, 302, 393),
        (4000, 3000, 1232, 1232, 1232),
        (100, 80, 32, 8, 14),
    ],
)
def test_pictures_cost_what_the_table_says(width: int, height: int, new: int, flash3: int, turbo: int) -> None:
    assert [image_tokens(width, height, family, RULES) for family in (NEW, FLASH3, TURBO)] == [new, flash3, turbo]
    assert image_tokens(width, height, RULES.families["omni-3.8"], RULES) == new


def test_picture_options_change_the_cost() -> None:
    assert image_tokens(1920, 1080, NEW, RULES, max_pixels=921_600) == 882
    assert image_tokens(1920, 1080, NEW, RULES, high_resolution=True) == 2042
    assert image_tokens(3840, 2160, NEW, RULES, high_resolution=True) == 8162
    assert image_tokens(3840, 2160, NEW, RULES) == 1224
    assert image_tokens(3840, 2160, FLASH3, RULES, high_resolution=True) == image_tokens(3840, 2160, FLASH3, RULES)
    assert image_tokens(320, 240, NEW, RULES) == 82
    assert image_tokens(320, 240, NEW, RULES, min_pixels=640 * 480) == 302


@pytest.mark.parametrize(
    ("seconds", "rate", "new", "flash3", "turbo"),
    [
        (10, 30, 5_942, 7_202, 7_202),
        (40, 30, 23_762, 15_602, 15_602),
        (60, 30, 35_642, 15_842, 15_602),
        (90, 30, 53_462, 16_130, None),
        (150, 30, 89_102, 16_130, None),
        (600, 25, 165_602, None, None),
        (3600, 30, 156_674, None, None),
        (312, 30, 179_714, None, None),
        (25, 30, None, 16_152, 16_152),
    ],
)
def test_clips_of_1080p_cost_what_the_table_says(
    seconds: int, rate: int, new: int | None, flash3: int | None, turbo: int | None
) -> None:
    for family, tokens in ((NEW, new), (FLASH3, flash3), (TURBO, turbo)):
        if tokens is not None:
            count = sampled_frames(total_frames=seconds * rate, frames_per_second=rate, family=family, sampling_fps=2)
            assert frames_tokens(1920, 1080, count, family, RULES) == tokens


@pytest.mark.parametrize(
    ("max_pixels", "tokens"), [(230_400, 13_202), (655_360, 35_642), (921_600, 52_802), (2_048_000, 116_822)]
)
def test_the_frame_option_changes_the_cost_of_a_minute(max_pixels: int, tokens: int) -> None:
    assert frames_tokens(1920, 1080, 120, NEW, RULES, max_pixels=max_pixels) == tokens


@pytest.mark.parametrize(("fps", "tokens"), [(1, 17_822), (2, 35_642), (4, 71_282), (8, 142_562)])
def test_the_sampling_rate_changes_the_cost_of_a_minute(fps: float, tokens: int) -> None:
    count = sampled_frames(total_frames=1800, frames_per_second=30, family=NEW, sampling_fps=fps)
    assert frames_tokens(1920, 1080, count, NEW, RULES) == tokens


def test_a_minute_of_720p_costs_as_much_as_one_of_1080p() -> None:
    assert frames_tokens(1280, 720, 120, NEW, RULES) == frames_tokens(1920, 1080, 120, NEW, RULES)
    assert frames_tokens(1280, 720, 120, FLASH3, RULES) == 15_842


@pytest.mark.parametrize(
    ("seconds", "family", "tokens"),
    [
        (90, NEW, 630),
        (90, FLASH3, 1125),
        (90, TURBO, 2250),
        (0.4, NEW, 7),
        (0.4, FLASH3, 13),
        (0.4, TURBO, 25),
        (1200, NEW, 8400),
        (1200, FLASH3, 15_000),
        (10_800, NEW, 75_600),
    ],
)
def test_recordings_cost_what_the_table_says(seconds: float, family: object, tokens: int) -> None:
    assert audio_tokens(seconds, family, RULES) == tokens


def test_a_clip_of_one_frame_cannot_be_sampled() -> None:
    with pytest.raises(TooFewFrames, match="at least 2"):
        sampled_frames(total_frames=1, frames_per_second=25, family=NEW, sampling_fps=2)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 1), ("abcde", 2), ("你好", 2), ("你好 ab", 3), ("é" * 4, 2)]
)
def test_text_is_counted_by_the_stated_rule(text: str, tokens: int) -> None:
    assert text_tokens(text, RULES) == tokens


@given(st.integers(11, 8000), st.integers(11, 8000), st.sampled_from([NEW, FLASH3, TURBO]))
def test_a_resized_picture_keeps_its_bounds(width: int, height: int, family: object) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    cell = family.factor_pixels**2
    area = Area(low=family.image_min_tokens * cell, high=family.image_max_tokens * cell, factor=family.factor_pixels)
    to_width, to_height = resize(width, height, area)
    assert to_width % family.factor_pixels == to_height % family.factor_pixels == 0
    assert to_width * to_height >= area.low
    # a side that is shortened to one token's width cannot shrink any further
    assert to_width * to_height <= area.high or min(to_width, to_height) == family.factor_pixels
