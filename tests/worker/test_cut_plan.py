"""Which medium of a request is cut, when none is, and what all the calls together may cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import FilmLook
from analysis_worker.cutting.shrink import Speeds
from analysis_worker.errors import ClipInvalid, FeatureUnsupported, MediaDuration
from analysis_worker.long_media.cut_bounds import total_of
from analysis_worker.long_media.cut_plan import choose_cut
from analysis_worker.long_media.segment_plan import InSegments, Shrunk, Whole, cut_up
from analysis_worker.long_media.segments import Cut
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.values import Delivery, PlannedMedia
from media_contracts import Clip, MediaItem, Money

CATALOGUE = load_catalogue()
PLUS = CATALOGUE.card("qwen3.5-omni-plus")
SHORT, LONG, TOO_LONG = 100.0, 1200.0, 12_000.0


def medium(seconds, *, index=0, size_bytes=1_000_000, clip=None, kind="audio"):
    known = Clip(start_seconds=clip[0], end_seconds=clip[1]) if clip else None
    facts = {"width": 640, "height": 480, "fps": 25.0, "has_audio": True} if kind == "video" else {"has_audio": True}
    probed = ProbedMedia(
        index=index,
        kind=kind,
        format="mp3",
        content_type="audio/mpeg",
        size_bytes=size_bytes,
        duration_seconds=seconds,
        **facts,
    )
    return PlannedMedia(
        item=MediaItem(kind=kind, bucket="b", key="k", clip=known), delivery=Delivery.PRESIGNED, probed=probed
    )


def chosen(*media, public=True, in_one_call=False):
    numbered = [replace(one, probed=replace(one.probed, index=index)) for index, one in enumerate(media)]
    return choose_cut(
        numbered,
        card=PLUS,
        detail=CATALOGUE.details["standard"],
        public=public,
        speeds=Speeds(upload_bytes_per_second=10**12),
        in_one_call=in_one_call,
    )


def test_one_that_is_longer_than_recommended_is_cut_to_what_is_recommended():
    choice = chosen(medium(SHORT), medium(LONG))
    assert (choice.media_index, choice.shape) == (1, InSegments(longest_seconds=120.0, copies=True))
    assert (choice.start_seconds, choice.end_seconds) == (0.0, LONG)


def test_several_that_are_only_longer_than_recommended_stay_whole():
    assert chosen(medium(LONG), medium(LONG)) is None


def test_the_one_that_the_model_does_not_take_whole_is_cut_beside_others_that_it_takes():
    assert chosen(medium(LONG), medium(TOO_LONG), medium(LONG)).media_index == 1


def test_two_that_the_model_does_not_take_whole_are_rejected_with_a_remedy():
    with pytest.raises(FeatureUnsupported, match=r"media\[0\] and media\[2\].*requests of their own"):
        chosen(medium(TOO_LONG), medium(SHORT), medium(TOO_LONG))


def test_a_clip_and_a_medium_that_must_be_cut_are_rejected():
    with pytest.raises(FeatureUnsupported):
        chosen(medium(SHORT, clip=(1, 2)), medium(TOO_LONG))


def test_what_is_answered_in_one_call_is_neither_cut_for_a_recommendation_nor_beyond_the_card():
    assert chosen(medium(LONG), in_one_call=True) is None
    assert chosen(medium(TOO_LONG), in_one_call=True) is None


def test_what_is_answered_in_one_call_may_be_a_clip_or_encoded_smaller():
    assert chosen(medium(LONG, clip=(10, 70)), in_one_call=True).shape == Whole()
    large = medium(SHORT, size_bytes=40_000_000)
    assert isinstance(chosen(large, public=False, in_one_call=True).shape, Shrunk)


def test_a_clip_counts_as_a_medium_of_its_length():
    assert chosen(medium(TOO_LONG, clip=(9000, 9100))).shape == Whole()
    choice = chosen(medium(TOO_LONG, clip=(9000, 10_000)))
    assert choice.shape == InSegments(longest_seconds=120.0, copies=True)
    assert (choice.start_seconds, choice.end_seconds) == (9000.0, 10_000.0)


@pytest.mark.parametrize("clip", [(100, 101), (200, 300), (50, 103)])
def test_a_clip_outside_its_medium_is_rejected(clip):
    with pytest.raises(ClipInvalid, match=r"lasts 100\.00 s"):
        chosen(medium(SHORT, clip=clip))


def test_a_clip_may_end_a_rounding_behind_its_medium():
    assert chosen(medium(SHORT, clip=(50, 100.4))).end_seconds == SHORT


def test_pieces_of_a_clip_lie_within_it_and_the_first_begins_where_it_begins():
    film = medium(1200.0, kind="video").probed
    look = FilmLook(key_frames=tuple(float(second) for second in range(0, 1200, 10)), copies=True)
    shape = InSegments(longest_seconds=240.0, copies=True)
    found = cut_up(film, shape, look, card=PLUS, start_seconds=101.0, end_seconds=903.5)
    assert (found[0].start_seconds, found[-1].end_seconds) == (101.0, 903.5)
    # A copy could only begin with the key frame at 110 s.
    assert [one.cut for one in found] == [Cut.ENCODE, *[Cut.COPY] * (len(found) - 1)]
    assert all(one.start_seconds % 10 == pytest.approx(0, abs=1e-6) for one in found[1:])
    assert cut_up(film, shape, look, card=PLUS, start_seconds=110.0, end_seconds=500.0)[0].cut is Cut.COPY


def test_what_would_take_too_many_segments_is_rejected_with_a_remedy():
    assert chosen(medium(36_000.0)).media_index == 0
    with pytest.raises(MediaDuration, match=r"about 8333333 segments of 120 s.*detail quick"):
        chosen(medium(1e9))


def test_bounds_add_up_only_when_all_are_known_and_of_one_currency():
    yuan, dollar = Money(amount="1.5", currency="CNY"), Money(amount="1", currency="USD")
    assert total_of([yuan, yuan]) == Money(amount="3", currency="CNY")
    assert total_of([yuan, None]) is None
    assert total_of([yuan, dollar]) is None
    assert total_of([]) is None
