"""The call about one segment, before it is cut: its length, its bytes, its way, and what is said of it."""

from __future__ import annotations

import pytest

from analysis_worker.catalogue import load_catalogue
from analysis_worker.limits import check_item, fits_inline
from analysis_worker.long_media.segment_call import expected_piece, segment_messages
from analysis_worker.long_media.segments import Cut, Segment
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.prompt import Message, TextPart, build_messages
from analysis_worker.tokens import PixelChoice, input_tokens
from analysis_worker.values import Delivery, PlannedMedia
from media_contracts import MediaItem

PLUS = load_catalogue().card("qwen3.5-omni-plus")


def hour(size_bytes=2_000_000_000):
    probed = ProbedMedia(
        index=0,
        kind="video",
        format="mp4",
        content_type="video/mp4",
        size_bytes=size_bytes,
        width=1920,
        height=1080,
        fps=25.0,
        frames=90_000,
        has_audio=True,
        duration_seconds=3600.0,
    )
    return PlannedMedia(item=MediaItem(kind="video", bucket="b", key="k"), delivery=Delivery.PRESIGNED, probed=probed)


def segment(cut=Cut.COPY):
    return Segment(index=2, start_seconds=400.0, end_seconds=640.0, overlap_seconds=2.0, cut=cut)


@pytest.mark.parametrize(
    ("size_bytes", "cut", "public", "delivery"),
    [
        (2_000_000_000, Cut.COPY, True, Delivery.PRESIGNED),
        (50_000_000, Cut.COPY, True, Delivery.INLINE),
        (50_000_000, Cut.COPY, False, Delivery.INLINE),
        (2_000_000_000, Cut.ENCODE, False, Delivery.INLINE),
        (2_000_000_000, Cut.ENCODE, True, Delivery.PRESIGNED),
    ],
)
def test_a_piece_is_expected_with_its_length_bytes_and_way_and_passes_the_limits(size_bytes, cut, public, delivery):
    piece = expected_piece(hour(size_bytes), segment(cut), card=PLUS, public=public)
    assert (piece.delivery, piece.probed.duration_seconds) == (delivery, 240.0)
    check_item(PLUS, piece.probed, piece.delivery)
    assert public or fits_inline(PLUS, piece.probed)


def test_a_piece_counts_the_tokens_of_its_length():
    piece = expected_piece(hour(), segment(), card=PLUS, public=True)
    counted = input_tokens(card=PLUS, media=[piece.probed], pixels=PixelChoice())
    assert counted.audio == 240 * 7


def test_the_model_is_told_which_part_it_sees_and_nothing_else_changes():
    messages = build_messages(prompt="Look.", schema_text="{}", kinds=["video"], instruction="Be brief.")
    said = segment_messages(messages, segment(), count=15)
    assert said[:-1] == messages[:-1]
    assert said[-1].parts[:-1] == messages[-1].parts
    assert "part 3 of 15" in said[-1].parts[-1].text
    assert segment_messages([Message(role="user", parts=(TextPart(text="x"),))], segment(), count=3)[0].role == "user"


def test_a_medium_of_unknown_length_has_no_segments():
    with pytest.raises(ValueError, match="unknown"):
        expected_piece(
            PlannedMedia(item=MediaItem(kind="video", url="https://a.example/b"), delivery=Delivery.URL),
            segment(),
            card=PLUS,
            public=True,
        )
