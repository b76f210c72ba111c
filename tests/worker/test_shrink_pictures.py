"""When a picture is encoded smaller first: to make it possible, or to save time, and never for tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.picture_sides import sides_within
from analysis_worker.cutting.shrink import Reason, Speeds
from analysis_worker.cutting.shrink_pictures import shrink_picture
from analysis_worker.detail import pixel_choice
from analysis_worker.limits import check_item, fits_inline
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.tokens import PixelChoice, input_tokens

CARDS = load_catalogue()
PLUS = CARDS.card("qwen3.5-omni-plus")
SLOW = Speeds(upload_bytes_per_second=20_000)
FAST = Speeds(upload_bytes_per_second=100_000_000)


def picture(size_bytes=1_000_000, width=4000, height=3000, **facts):
    known = {"index": 0, "kind": "image", "format": "png", "content_type": "image/png"}
    return ProbedMedia(**known | {"size_bytes": size_bytes, "width": width, "height": height} | facts)


def decided(probed, *, card=PLUS, pixels=None, inline=True, speeds=FAST):
    return shrink_picture(probed, card=card, pixels=pixels or PixelChoice(), inline=inline, speeds=speeds)


def tokens(probed, card=PLUS, pixels=None):
    return input_tokens(card=card, media=[probed], pixels=pixels or PixelChoice()).total


def test_a_picture_too_large_for_the_body_is_encoded_to_fit_where_the_model_cannot_reach_the_store():
    before = picture(40_000_000)
    made = decided(before)
    assert made.reason is Reason.POSSIBLE
    assert fits_inline(PLUS, made.of(before))
    assert decided(picture(7_000_000)) is None


def test_by_url_only_what_the_url_limit_forbids_is_encoded():
    assert decided(picture(20_000_000), inline=False, speeds=SLOW) is None
    assert decided(picture(21_000_000), inline=False, speeds=SLOW).reason is Reason.POSSIBLE


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("facts", [{"format": "gif"}, {"format": "avif"}, {"sample_bits": 16}, {"sample_bits": 32}])
def test_what_the_model_does_not_read_or_would_see_white_is_encoded_however_it_travels(facts, inline):
    before = picture(200_000, 640, 480, **facts)
    made = decided(before, inline=inline)
    assert (made.reason, made.width, made.height) == (Reason.POSSIBLE, 640, 480)
    assert (made.of(before).content_type, made.of(before).sample_bits) == ("image/jpeg", None)


@pytest.mark.parametrize("form", ["jpeg", "png", "bmp", "webp", "tiff"])
def test_what_the_model_reads_and_what_fits_is_left_alone(form):
    assert decided(picture(2_000_000, format=form)) is None


@pytest.mark.parametrize(("speeds", "reason"), [(SLOW, Reason.FASTER), (FAST, None)])
def test_it_is_encoded_for_speed_only_where_sending_is_slower_than_encoding(speeds, reason):
    made = decided(picture(7_500_000), speeds=speeds)
    assert (made and made.reason) == reason


@pytest.mark.parametrize(
    "sides",
    [
        {"width": 20_000, "height": 20_000},
        {"width": 12_000, "height": 10_000},  # more than a child may hold decoded
        {"width": 5000, "height": 20},
        {"width": 8, "height": 8},
    ],
)
def test_sides_that_nobody_takes_are_left_to_be_refused_by_name(sides):
    assert decided(picture(40_000_000, **sides)) is None


def test_a_jpeg_may_have_more_pixels_for_it_is_decoded_at_a_part_of_its_size():
    assert decided(picture(40_000_000, 12_000, 10_000, format="jpeg")) is not None


def test_films_recordings_and_what_states_no_sides_are_no_pictures():
    assert decided(picture(40_000_000, kind="video")) is None
    assert decided(picture(40_000_000, width=None)) is None


def test_a_list_of_frames_is_decided_by_its_largest_and_sized_as_frames_are_looked_at():
    made = decided(picture(40_000_000, kind="frames", frames=10))
    assert made.reason is Reason.POSSIBLE
    assert made.pixels_max == 4 * 655_360


@pytest.mark.parametrize("model", ["qwen3.8-omni-flash", "qwen3.5-omni-plus", "qwen3-omni-flash", "qwen-omni-turbo"])
@pytest.mark.parametrize("level", ["quick", "extract", "standard", "fine"])
@pytest.mark.parametrize("sides", [(4000, 3000), (3000, 4000), (8000, 6000), (12_000, 2000), (1920, 1080)])
def test_it_saves_no_tokens(model, level, sides):
    card = CARDS.card(model)
    pixels = pixel_choice(card, CARDS.details[level])
    before = picture(40_000_000, *sides)
    after = decided(before, card=card, pixels=pixels).of(before)
    assert tokens(after, card, pixels) == pytest.approx(tokens(before, card, pixels), rel=0.05)


@given(
    st.sampled_from(["image", "frames"]),
    st.integers(1, 3 * 10**8),
    st.integers(11, 30_000),
    st.integers(11, 30_000),
    st.booleans(),
    st.floats(1e3, 1e9),
)
def test_what_is_planned_fits_the_body_and_keeps_its_shape(kind, size_bytes, width, height, inline, upload):
    before = picture(size_bytes, width, height, kind=kind, frames=4 if kind == "frames" else None)
    made = decided(before, inline=inline, speeds=Speeds(upload_bytes_per_second=upload))
    if made is None:
        return
    after = made.of(before)
    check_item(PLUS, after, "inline")
    assert made.width <= width
    assert made.height <= height
    # A pixel of the shorter side, at most, is lost in rounding.
    assert abs(made.width * height - made.height * width) <= max(width, height)
    assert made.reason is Reason.POSSIBLE or (inline and made.most_bytes < size_bytes)


@given(st.integers(1, 10**5), st.integers(1, 10**5), st.integers(1, 10**9))
def test_the_sides_of_a_smaller_copy_are_within_and_do_not_depend_on_how_it_lies(width, height, pixels_max):
    made = sides_within(width, height, pixels_max=pixels_max)
    assert made == sides_within(height, width, pixels_max=pixels_max)[::-1]
    assert made[0] * (made[1] - 1) < pixels_max or made[1] * (made[0] - 1) < pixels_max
    assert 1 <= min(made) <= max(made) <= 65_500
    # Never thinner, or what was just within a model's ratio would be refused.
    assert max(made) * min(width, height) <= min(made) * max(width, height)
