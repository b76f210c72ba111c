"""Whether a long medium is asked about whole, shrunk or in segments, and what the ledger keeps of the plan."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import FilmLook
from analysis_worker.cutting.shrink import Speeds
from analysis_worker.limits import fits_inline
from analysis_worker.long_media.segment_format import decode_plan, encode_plan
from analysis_worker.long_media.segment_plan import (
    InSegments,
    Shrunk,
    Whole,
    cut_up,
    order_of,
    plan_document,
    segment_of,
    shape_of,
)
from analysis_worker.long_media.segments import Cut
from analysis_worker.media.probe import PathSource
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import build_messages
from analysis_worker.values import StoredObject

CATALOGUE = load_catalogue()
PLUS = CATALOGUE.card("qwen3.5-omni-plus")
STANDARD = CATALOGUE.details["standard"]
SPEEDS = Speeds(upload_bytes_per_second=10_000_000)
EVERYWHERE = FilmLook(key_frames=None, copies=True)


def medium(kind, seconds, size_bytes):
    facts = {"width": 1920, "height": 1080, "fps": 30.0} if kind == "video" else {}
    return ProbedMedia(
        index=0,
        kind=kind,
        format="mp4",
        content_type="video/mp4",
        size_bytes=size_bytes,
        duration_seconds=seconds,
        has_audio=True,
        **facts,
    )


def shape(kind, seconds, size_bytes, *, public, card=PLUS, detail=STANDARD):
    return shape_of(medium(kind, seconds, size_bytes), card=card, detail=detail, public=public, speeds=SPEEDS)


@pytest.mark.parametrize(
    ("kind", "seconds", "size_bytes", "public", "expected"),
    [
        ("video", 200.0, 50_000_000, True, Whole()),
        ("video", 200.0, 5_000_000, False, Whole()),
        ("video", 3600.0, 2_000_000_000, True, InSegments(longest_seconds=240.0, copies=True)),
        ("audio", 1200.0, 9_600_000, True, InSegments(longest_seconds=120.0, copies=True)),
        ("audio", 1200.0, 9_600_000, False, InSegments(longest_seconds=120.0, copies=True)),
        ("video", 3600.0, 2_000_000_000, False, InSegments(longest_seconds=240.0, copies=False)),
        ("audio", 100.0, 17_000_000, False, None),
    ],
)
def test_the_shape_follows_from_length_bytes_and_the_way(kind, seconds, size_bytes, public, expected):
    found = shape(kind, seconds, size_bytes, public=public)
    if expected is None:
        assert isinstance(found, Shrunk)
    else:
        assert found == expected


def test_a_turbo_of_forty_seconds_gets_pieces_of_at_most_forty():
    turbo = CATALOGUE.card("qwen-omni-turbo")
    made = shape("video", 300.0, 20_000_000, public=True, card=turbo)
    assert made == InSegments(longest_seconds=40.0, copies=True)
    found = cut_up(medium("video", 300.0, 20_000_000), made, EVERYWHERE, card=turbo)
    assert all(2 <= segment.length_seconds <= 40 for segment in found)


@given(
    st.sampled_from(["video", "audio"]),
    st.floats(30, 10_000),
    st.integers(100_000, 3_000_000_000),
    st.booleans(),
    st.booleans(),
)
def test_every_piece_is_ordered_within_what_its_way_takes(tmp_path_factory, kind, seconds, size_bytes, public, copies):
    probed = medium(kind, seconds, size_bytes)
    made = shape_of(probed, card=PLUS, detail=STANDARD, public=public, speeds=SPEEDS)
    if not isinstance(made, InSegments):
        return
    look = FilmLook(key_frames=None, copies=copies)
    source = PathSource(index=0, kind=kind, size_bytes=size_bytes, path=tmp_path_factory.getbasetemp())
    for segment in cut_up(probed, made, look, card=PLUS):
        order = order_of(source, segment, probed, card=PLUS, public=public, path=tmp_path_factory.getbasetemp())
        assert order.cut is (Cut.COPY if made.copies and copies else Cut.ENCODE)
        if order.cut is Cut.ENCODE:
            bits = (order.film_bits + order.sound_bits) * segment.length_seconds
            assert public or fits_inline(PLUS, medium(kind, 1.0, int(bits / 8)))
            assert bits / 8 < order.most_bytes
        else:
            share = size_bytes * segment.length_seconds / seconds
            assert public or fits_inline(PLUS, medium(kind, 1.0, int(share)))
            assert min(share, size_bytes) < order.most_bytes


def asked(detail="standard", words="Look."):
    """As much of a job and its plan as the ledger keeps."""
    job = SimpleNamespace(fingerprint="f" * 64, request=SimpleNamespace(model=SimpleNamespace(detail=detail)))
    profile = load_profiles().get("subtitles")
    stored = StoredObject(bucket="b", key="k", version_id=None, etag='"e"', size_bytes=9, content_type=None)
    plan = SimpleNamespace(
        model="qwen3.5-omni-plus",
        card=PLUS,
        profile=profile,
        schema=profile.schema,
        messages=build_messages(prompt=words, schema_text=profile.schema.text, kinds=["video"]),
        media=(SimpleNamespace(objects=(stored,)),),
    )
    return job, plan


def test_the_ledgers_plan_tells_words_card_and_objects_and_gives_the_segments_back():
    made = InSegments(longest_seconds=240.0, copies=True)
    cut = cut_up(medium("video", 900.0, 10**9), made, EVERYWHERE, card=PLUS)
    document = plan_document(*asked(), {0: cut}, reduce_model="qwen-plus")
    assert decode_plan(encode_plan(document), where="x") == document
    assert tuple(segment_of(planned) for planned in document.segments) == cut
    assert [(found.media_index, found.etag) for found in document.objects] == [(0, '"e"')]
    assert document == plan_document(*asked(), {0: cut}, reduce_model="qwen-plus")
    other = plan_document(*asked(words="Listen."), {0: cut}, reduce_model="qwen-plus")
    assert other.prompt_sha256 != document.prompt_sha256
    assert (other.card_sha256, other.detail) == (document.card_sha256, "standard")
