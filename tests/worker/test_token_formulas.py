"""10,000 random inputs per family and kind: ours, the published scripts transcribed once more, and the simulator agree.

The transcription (001_c4bbddce233d9b12.txt with the newer page's max() and constants, provider reference §5) keeps the
scripts' own shape: global constants become arguments, and nothing is shared with the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from random import Random

import pytest

from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import Rejected
from analysis_worker.tokens import audio_tokens, frame_list_tokens, image_tokens, speech_tokens, video_tokens
from model_simulator import tokens as simulated
from model_simulator.rule_table import load_rules

CATALOGUE, RULES = load_catalogue(), load_rules()
INPUTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Family:
    """The constants as the pages print them, typed a third time."""

    model: str
    IMAGE_FACTOR: int
    IMAGE_MIN: int
    IMAGE_MAX: int
    AUDIO: Fraction
    SPEECH: Fraction
    VIDEO_MIN: int
    VIDEO_MAX: int
    VIDEO_TOTAL: int
    FPS_MIN_FRAMES: int
    FPS_MAX_FRAMES: int

    @property
    def rule(self):
        return CATALOGUE.card(self.model).token_rule()

    @property
    def simulated(self):
        return RULES.models[self.model].family


FPS = 2
FRAME_FACTOR = 2
MAX_RATIO = 200
NEW = {"IMAGE_FACTOR": 32, "IMAGE_MIN": 24, "IMAGE_MAX": 1280, "AUDIO": Fraction(7), "SPEECH": Fraction("12.5")}
NEW |= {"VIDEO_MIN": 64, "VIDEO_MAX": 640, "VIDEO_TOTAL": 180_224, "FPS_MIN_FRAMES": 2, "FPS_MAX_FRAMES": 2048}
FAMILIES = [
    Family(model="qwen3.8-omni-flash", **NEW),
    Family(model="qwen3.5-omni-plus", **NEW),
    Family(model="qwen3.5-omni-flash", **NEW),
    Family(
        model="qwen3-omni-flash",
        IMAGE_FACTOR=32,
        IMAGE_MIN=4,
        IMAGE_MAX=1280,
        AUDIO=Fraction("12.5"),
        SPEECH=Fraction("12.5"),
        VIDEO_MIN=64,
        VIDEO_MAX=768,
        VIDEO_TOTAL=16_384,
        FPS_MIN_FRAMES=2,
        FPS_MAX_FRAMES=128,
    ),
    *(
        Family(
            model=model,
            IMAGE_FACTOR=28,
            IMAGE_MIN=4,
            IMAGE_MAX=1280,
            AUDIO=Fraction(25),
            SPEECH=Fraction(25),
            VIDEO_MIN=64,
            VIDEO_MAX=768,
            VIDEO_TOTAL=16_384,
            FPS_MIN_FRAMES=4,
            FPS_MAX_FRAMES=80,
        )
        for model in ("qwen-omni-turbo", "qwen2.5-omni-7b")
    ),
]
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model)


def token_calculate(height, width, family, min_pixels, max_pixels):
    factor = family.IMAGE_FACTOR
    h_bar = max(factor, round(height / factor) * factor)
    w_bar = max(factor, round(width / factor) * factor)
    if h_bar * w_bar > max_pixels:
        beta = math.sqrt((height * width) / max_pixels)
        # The script would give a side of 0 for a thin picture; there is no picture without a side.
        h_bar = max(factor, math.floor(height / beta / factor) * factor)
        w_bar = max(factor, math.floor(width / beta / factor) * factor)
    elif h_bar * w_bar < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        h_bar = math.ceil(height * beta / factor) * factor
        w_bar = math.ceil(width * beta / factor) * factor
    return int((h_bar * w_bar) / (factor * factor)) + 2


def smart_nframes(total_frames, video_fps, family, fps):
    min_frames = math.ceil(family.FPS_MIN_FRAMES / FRAME_FACTOR) * FRAME_FACTOR
    max_frames = math.floor(min(family.FPS_MAX_FRAMES, total_frames) / FRAME_FACTOR) * FRAME_FACTOR
    duration = total_frames / video_fps if video_fps != 0 else 0
    if duration - int(duration) > (1 / fps):
        total_frames = math.ceil(duration * video_fps)
    else:
        total_frames = math.ceil(int(duration) * video_fps)
    nframes = total_frames / video_fps * fps
    nframes = int(min(min(max(nframes, min_frames), max_frames), total_frames))  # noqa: PLW3301  (as published)
    if not (FRAME_FACTOR <= nframes <= total_frames):
        raise ValueError(nframes)
    return nframes


def video_token_calculate(height, width, nframes, family, frame_max, total):
    factor = family.IMAGE_FACTOR
    min_pixels = family.VIDEO_MIN * factor * factor
    max_pixels = max(min(frame_max, total / nframes * FRAME_FACTOR), int(min_pixels * 1.05))
    if max(height, width) / min(height, width) > MAX_RATIO:
        raise ValueError(height, width)
    video_token = int(
        math.ceil(nframes / FRAME_FACTOR) * (token_calculate(height, width, family, min_pixels, max_pixels) - 2)
    )
    video_token += 2
    return video_token


def some_side(random):
    """Small sides, screens' sides and huge ones alike."""
    return random.choice((random.randint(1, 64), random.randint(11, 2000), random.randint(11, 20_000)))


def some_picture(random):
    """Width and height of at most 200 to 1, as planning lets through."""
    while True:
        width, height = some_side(random), some_side(random)
        if max(width, height) <= MAX_RATIO * min(width, height):
            return width, height


@every_family
def test_pictures_of_ten_thousand_sizes_count_as_the_script_says(family):
    random = Random(f"pictures {family.model}")
    cell = family.IMAGE_FACTOR**2
    for _ in range(INPUTS):
        width, height = some_picture(random)
        low = family.IMAGE_MIN * cell
        chosen = random.choice((None, random.randint(low, 16_777_216)))
        expected = token_calculate(height, width, family, low, chosen or family.IMAGE_MAX * cell)
        sides = {"width": width, "height": height}
        assert image_tokens(**sides, rule=family.rule, max_pixels=chosen) == expected, (sides, chosen)
        assert simulated.image_tokens(width, height, family.simulated, RULES, max_pixels=chosen) == expected, sides


@every_family
def test_films_of_ten_thousand_shapes_count_as_the_script_says(family):
    random = Random(f"films {family.model}")
    cell, refused = family.IMAGE_FACTOR**2, 0
    for _ in range(INPUTS):
        width, height = some_side(random), some_side(random)
        frames = random.choice((random.randint(1, 60), random.randint(1, 5000), random.randint(1, 250_000)))
        source_fps = random.choice((1.0, 10.0, 12.5, 15.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0))
        fps = random.choice((FPS, FPS, 0.5, 1.0, 4.0))
        frame_max = random.choice((None, random.randint(100_000, 2_048_000)))
        total = random.choice((None, random.randint(1_000_000, 184_549_376)))
        options = {"max_pixels": frame_max, "total_pixels": total}
        shape = {"width": width, "height": height, "seconds": frames / source_fps, "source_fps": source_fps}
        try:
            nframes = smart_nframes(frames, source_fps, family, fps)
            expected = video_token_calculate(
                height,
                width,
                nframes,
                family,
                frame_max or family.VIDEO_MAX * cell,
                total or family.VIDEO_TOTAL * cell,
            )
        except ValueError:
            refused += 1
            with pytest.raises(Rejected):
                video_tokens(**shape, fps=fps, rule=family.rule, **options)
            continue
        assert video_tokens(**shape, fps=fps, rule=family.rule, **options) == expected, (shape, options)
        assert (
            simulated.sampled_frames(
                total_frames=frames, frames_per_second=source_fps, family=family.simulated, sampling_fps=fps
            )
            == nframes
        ), shape
        assert simulated.frames_tokens(width, height, nframes, family.simulated, RULES, **options) == expected, shape
    assert 0 < refused < INPUTS / 2


@every_family
def test_lists_of_frames_of_ten_thousand_shapes_count_as_the_script_says(family):
    random = Random(f"frames {family.model}")
    cell = family.IMAGE_FACTOR**2
    for _ in range(INPUTS):
        width, height = some_picture(random)
        frames = random.randint(family.FPS_MIN_FRAMES, family.FPS_MAX_FRAMES)
        expected = video_token_calculate(
            height, width, frames, family, family.VIDEO_MAX * cell, family.VIDEO_TOTAL * cell
        )
        assert frame_list_tokens(width=width, height=height, frames=frames, rule=family.rule) == expected
        assert simulated.frames_tokens(width, height, frames, family.simulated, RULES) == expected


@every_family
def test_recordings_of_ten_thousand_lengths_count_as_the_page_says(family):
    random = Random(f"recordings {family.model}")
    for _ in range(INPUTS):
        seconds = round(random.choice((random.uniform(0.001, 2), random.uniform(1, 300), random.uniform(1, 10_800))), 3)
        exact = max(Fraction(str(seconds)), Fraction(1))
        assert audio_tokens(seconds=seconds, rule=family.rule) == math.ceil(exact * family.AUDIO), seconds
        assert simulated.audio_tokens(seconds, family.simulated, RULES) == math.ceil(exact * family.AUDIO), seconds
        if CATALOGUE.card(family.model).capabilities.speech:
            assert speech_tokens(seconds=seconds, rule=family.rule) == math.ceil(exact * family.SPEECH), seconds
