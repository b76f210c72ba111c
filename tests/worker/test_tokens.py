"""The token rules: every published figure; test_token_formulas.py has the published scripts on random inputs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker import errors
from analysis_worker.catalogue import load_catalogue
from analysis_worker.media.probed import ProbedMedia, join_frames
from analysis_worker.provider.stream import Uncounted
from analysis_worker.tokens import (
    InputTokens,
    PixelChoice,
    audio_tokens,
    conversation_tokens,
    frame_list_tokens,
    image_tokens,
    input_tokens,
    sampled_frames,
    speech_tokens,
    text_tokens,
    uncounted_tokens,
    video_tokens,
)

CATALOGUE = load_catalogue()
PLUS, FLASH, TURBO = (
    CATALOGUE.card(name).token_rule() for name in ("qwen3.5-omni-plus", "qwen3-omni-flash", "qwen-omni-turbo")
)


@pytest.mark.parametrize(
    ("width", "height", "plus", "flash", "turbo"),
    [
        (1920, 1080, 1224, 1224, 1224),
        (1280, 720, 882, 882, 1198),
        (640, 480, 302, 302, 393),
        (4000, 3000, 1232, 1232, 1232),
        (100, 80, 32, 8, 14),
    ],
)
def test_an_image_counts_as_published(width, height, plus, flash, turbo):
    assert [image_tokens(width=width, height=height, rule=rule) for rule in (PLUS, FLASH, TURBO)] == [
        plus,
        flash,
        turbo,
    ]


def test_pixel_options_change_an_images_count_as_published():
    full_hd = {"width": 1920, "height": 1080, "rule": PLUS}
    assert image_tokens(**full_hd, max_pixels=921_600) == 882
    assert image_tokens(**full_hd, high_resolution=True) == 2042
    assert image_tokens(**full_hd, high_resolution=True, max_pixels=921_600) == 2042
    assert image_tokens(width=3840, height=2160, rule=PLUS, high_resolution=True) == 8162
    assert image_tokens(width=3840, height=2160, rule=PLUS) == 1224


def test_a_larger_min_pixels_enlarges_a_small_image():
    assert image_tokens(width=320, height=240, rule=PLUS) == 82
    assert image_tokens(width=320, height=240, rule=PLUS, min_pixels=640 * 480) == 302


def test_high_resolution_means_nothing_to_a_family_without_it():
    assert image_tokens(width=3840, height=2160, rule=TURBO, high_resolution=True) == image_tokens(
        width=3840, height=2160, rule=TURBO
    )


def test_an_image_without_sides_is_no_question_of_tokens():
    with pytest.raises(ValueError, match="0 x 5"):
        image_tokens(width=0, height=5, rule=PLUS)


@pytest.mark.parametrize(
    ("seconds", "source_fps", "plus", "flash", "turbo"),
    [
        (10, 30, 5_942, 7_202, 7_202),
        (40, 30, 23_762, 15_602, 15_602),
        (60, 30, 35_642, 15_842, 15_602),
        (90, 30, 53_462, 16_130, 15_602),
        (150, 30, 89_102, 16_130, 15_602),
        (600, 25, 165_602, None, None),
        (3600, 30, 156_674, None, None),
        (312, 30, 179_714, None, None),
        (25, 30, None, 16_152, 16_152),
    ],
)
def test_a_film_in_1080p_counts_as_published(seconds, source_fps, plus, flash, turbo):
    for rule, tokens in ((PLUS, plus), (FLASH, flash), (TURBO, turbo)):
        if tokens is not None:
            assert video_tokens(width=1920, height=1080, seconds=seconds, source_fps=source_fps, rule=rule) == tokens


def test_720p_saves_no_tokens_where_the_frame_cap_is_below_it():
    assert video_tokens(width=1280, height=720, seconds=60, source_fps=30, rule=PLUS) == 35_642
    assert video_tokens(width=1280, height=720, seconds=60, source_fps=30, rule=FLASH) == 15_842


@pytest.mark.parametrize(
    ("max_pixels", "tokens"),
    [(230_400, 13_202), (655_360, 35_642), (921_600, 52_802), (2_048_000, 116_822), (2_073_600, 116_822)],
)
def test_max_pixels_per_frame_changes_a_films_count_and_is_capped(max_pixels, tokens):
    counted = video_tokens(width=1920, height=1080, seconds=60, source_fps=30, rule=PLUS, max_pixels=max_pixels)
    assert counted == tokens


@pytest.mark.parametrize(("fps", "tokens"), [(1, 17_822), (2, 35_642), (4, 71_282), (8, 142_562)])
def test_the_sampling_rate_changes_a_films_count(fps, tokens):
    assert video_tokens(width=1920, height=1080, seconds=60, source_fps=30, rule=PLUS, fps=fps) == tokens


def test_a_film_too_short_to_sample_is_named():
    with pytest.raises(errors.MediaDuration):
        video_tokens(width=640, height=480, seconds=0.01, source_fps=25, rule=PLUS)
    with pytest.raises(errors.MediaDuration):
        sampled_frames(seconds=0.4, source_fps=25, rule=PLUS)


def test_a_film_beyond_200_to_1_is_named():
    with pytest.raises(errors.MediaDimensions):
        video_tokens(width=4020, height=20, seconds=4, source_fps=25, rule=PLUS)


@pytest.mark.parametrize(
    ("seconds", "plus", "flash", "turbo"),
    [
        (10, 70, 125, 250),
        (60, 420, 750, 1_500),
        (90, 630, 1_125, 2_250),
        (0.4, 7, 13, 25),
        (150, 1_050, 1_875, 3_750),
        (600, 4_200, 7_500, 15_000),
        (1_200, 8_400, 15_000, 30_000),
        (10_800, 75_600, 135_000, 270_000),
        (0, 0, 0, 0),
    ],
)
def test_audio_counts_as_published_and_rounds_up(seconds, plus, flash, turbo):
    assert [audio_tokens(seconds=seconds, rule=rule) for rule in (PLUS, FLASH, TURBO)] == [plus, flash, turbo]


def test_speech_counts_at_its_own_rate():
    assert [speech_tokens(seconds=10, rule=rule) for rule in (PLUS, FLASH, TURBO)] == [125, 125, 250]


@given(text=st.text(), more=st.text())
@settings(max_examples=200, deadline=None)
def test_a_text_never_counts_more_than_its_bytes_nor_less_when_it_grows_by_a_line(text, more):
    assert text_tokens(text) <= len(text.encode("utf-8", "surrogatepass"))
    assert text_tokens(f"{text}\n{more}") >= text_tokens(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        # Counts of the family's published tokenizer (dashscope.get_tokenizer documentation): 8 for the Chinese line.
        ("通义千问具有强大的能力。", 8, 12),
        ("", 0, 0),
        ("2026", 4, 4),
        ("Describe the picture in one sentence.", 8, 16),
        ('{"title": "string", "items": []}', 10, 24),
        ("Опишите изображение", 4, 20),
        ("😀", 1, 4),
        ("a\n\n\nb", 3, 3),
    ],
)
def test_a_text_is_estimated_high_rather_than_low(text, low, high):
    assert low <= text_tokens(text) <= high


def test_a_conversation_counts_its_wrapping_as_the_recorded_sample_does():
    # 001_c4bbddce233d9b12.txt: the question of three characters costs 11 input tokens without speech.
    assert conversation_tokens(["你是谁"]) == 11


def media(kind="image", **facts):
    whole = {"index": 0, "format": "x", "content_type": "x/x", "size_bytes": 1000, **facts}
    return ProbedMedia(kind=kind, **whole)


def test_a_whole_request_is_counted_by_modality():
    card = CATALOGUE.card("qwen3.5-omni-plus")
    film = media("video", width=1920, height=1080, duration_seconds=60.0, fps=30.0, has_audio=True)
    silent = media("video", width=1920, height=1080, duration_seconds=60.0, fps=30.0)
    picture = media(width=1920, height=1080)
    recording = media("audio", duration_seconds=90.0)
    counted = input_tokens(card=card, texts=["你是谁"], media=[film, silent, picture, recording])
    assert counted == InputTokens(text=11, image=1224, video=2 * 35_642, audio=420 + 630)
    assert counted.total == 11 + 1224 + 71_284 + 1_050


def test_pixel_choice_and_speech_reach_the_count():
    card = CATALOGUE.card("qwen3.5-omni-plus")
    film = media("video", width=1920, height=1080, duration_seconds=60.0, fps=30.0)
    pixels = PixelChoice(image_max_pixels=921_600, frame_max_pixels=230_400)
    counted = input_tokens(
        card=card, texts=["你是谁"], media=[film, media(width=1920, height=1080)], pixels=pixels, speech=True
    )
    # The same sample with speech costs 207.
    assert counted == InputTokens(text=207, image=882, video=13_202)


def test_a_frame_list_counts_as_the_film_it_was_sampled_from():
    frames = [media("frames", width=1920, height=1080) for _ in range(20)]
    counted = input_tokens(card=CATALOGUE.card("qwen3.5-omni-plus"), media=[join_frames(frames)])
    assert counted.video == frame_list_tokens(width=1920, height=1080, frames=20, rule=PLUS) == 5_942


def test_a_model_of_text_alone_takes_no_media():
    with pytest.raises(errors.MediaKindUnsupported, match="qwen-plus"):
        input_tokens(card=CATALOGUE.card("qwen-plus"), media=[media(width=10, height=10)])


def test_media_that_do_not_state_their_measure_are_undecodable():
    card = CATALOGUE.card("qwen3.5-omni-plus")
    with pytest.raises(errors.MediaUndecodable, match="no size"):
        input_tokens(card=card, media=[media()])
    with pytest.raises(errors.MediaUndecodable, match="no duration"):
        input_tokens(card=card, media=[media("audio")])


def test_what_no_report_counts_is_estimated_with_the_sound_that_arrived():
    # provider.md §3: 83 tokens of sound at 12.5 a second are 6.64 s, of 48,000 bytes each
    heard = Uncounted(text="abc", reasoning="1", audio_bytes=round(6.64 * 48_000))
    assert uncounted_tokens(heard, rule=FLASH) == 1 + 1 + 83
    assert uncounted_tokens(heard, rule=None) == 2
    assert uncounted_tokens(Uncounted(), rule=PLUS) == 0
