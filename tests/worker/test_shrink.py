"""When a medium is encoded smaller first: to make it possible, or to save time, and never for tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.shrink import (
    LEAST_FILM_BITS,
    LEAST_SOUND_BITS,
    Reason,
    Speeds,
    inline_raw_bytes,
    longest_inline_seconds,
    shrink,
)
from analysis_worker.limits import fits_inline
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.tokens import PixelChoice, input_tokens

CARDS = load_catalogue()
PLUS = CARDS.card("qwen3.5-omni-plus")
SLOW = Speeds(upload_bytes_per_second=20_000)
FAST = Speeds(upload_bytes_per_second=100_000_000)


def film(size_bytes, seconds=60.0, **facts):
    known = {"width": 1920, "height": 1080, "fps": 30.0, "has_audio": True, "format": "mp4"}
    known |= {"index": 0, "kind": "video", "content_type": "video/mp4", "size_bytes": size_bytes}
    return ProbedMedia(**known | {"duration_seconds": seconds} | facts)


def recording(size_bytes, seconds):
    return film(size_bytes, seconds, kind="audio", width=None, height=None, fps=None, content_type="audio/wav")


def test_a_film_too_large_for_the_body_is_encoded_to_fit_where_the_model_cannot_reach_the_store():
    made = shrink(film(50_000_000), card=PLUS, inline=True, speeds=FAST)
    assert made.reason is Reason.POSSIBLE
    assert fits_inline(PLUS, film(made.most_bytes))
    assert (made.film_bits + made.sound_bits) * 60 / 8 <= made.most_bytes


def test_the_same_film_is_left_alone_where_the_model_fetches_it():
    assert shrink(film(50_000_000), card=PLUS, inline=False, speeds=SLOW) is None


def test_a_film_beyond_the_url_limit_is_encoded_to_fit():
    made = shrink(film(3_000_000_000, 3000.0), card=PLUS, inline=False, speeds=FAST)
    assert made.reason is Reason.POSSIBLE
    assert made.most_bytes <= PLUS.media.video.bytes_by_url


def test_what_would_have_too_few_bits_is_not_encoded_but_cut_or_refused():
    assert shrink(film(500_000_000, 3600.0), card=PLUS, inline=True, speeds=FAST) is None
    assert shrink(recording(500_000_000, 3600.0), card=PLUS, inline=True, speeds=FAST) is None


@pytest.mark.parametrize(("speeds", "reason"), [(SLOW, Reason.FASTER), (FAST, None)])
def test_a_recording_is_encoded_for_speed_only_where_sending_is_slower_than_encoding(speeds, reason):
    made = shrink(recording(7_000_000, 40.0), card=PLUS, inline=True, speeds=speeds)
    assert (made and made.reason) == reason


def test_pictures_and_what_has_no_length_are_left_alone():
    picture = replace(film(50_000_000), kind="image")
    assert shrink(picture, card=PLUS, inline=True, speeds=SLOW) is None
    assert shrink(film(50_000_000, None), card=PLUS, inline=True, speeds=SLOW) is None


@pytest.mark.parametrize("model", ["qwen3.5-omni-plus", "qwen3-omni-flash"])
def test_it_saves_no_tokens(model):
    card = CARDS.card(model)
    before = film(50_000_000)
    made = shrink(before, card=card, inline=True, speeds=FAST)
    scale = min(1.0, (made.pixels_max / (1920 * 1080)) ** 0.5)
    after = replace(before, width=int(1920 * scale) // 2 * 2, height=int(1080 * scale) // 2 * 2)

    def tokens(probed):
        return input_tokens(card=card, texts=[], media=[probed], pixels=PixelChoice()).total

    assert tokens(after) == tokens(before)


@given(
    st.sampled_from(["video", "audio"]),
    st.integers(1, 5 * 10**9),
    st.floats(1, 10_000),
    st.booleans(),
    st.floats(1e3, 1e9),
)
def test_what_is_planned_fits_its_way_and_stays_legible(kind, size_bytes, seconds, inline, upload):
    probed = film(size_bytes, seconds) if kind == "video" else recording(size_bytes, seconds)
    made = shrink(probed, card=PLUS, inline=inline, speeds=Speeds(upload_bytes_per_second=upload))
    if made is None:
        return
    assert (made.film_bits + made.sound_bits) * seconds / 8 <= made.most_bytes
    assert made.sound_bits >= LEAST_SOUND_BITS
    assert made.film_bits >= LEAST_FILM_BITS or kind == "audio"
    if made.reason is Reason.POSSIBLE:
        limits = PLUS.media_limits(kind)
        fitting = replace(probed, size_bytes=made.most_bytes)
        assert fits_inline(PLUS, fitting) if inline else made.most_bytes <= limits.bytes_by_url
    else:
        assert inline
        assert made.most_bytes < size_bytes


def test_segments_that_must_go_inline_are_no_longer_than_fits_at_the_least_bits():
    longest = longest_inline_seconds(film(10**9, 3600.0), card=PLUS)
    assert longest == pytest.approx(inline_raw_bytes(PLUS, film(1)) * 8 * 0.9 / 152_000)
    piece = film(50_000_000, longest * 0.99)
    assert shrink(piece, card=PLUS, inline=True, speeds=FAST) is not None
    assert shrink(replace(piece, duration_seconds=longest * 1.01), card=PLUS, inline=True, speeds=FAST) is None
