"""A cut piece on scratch space: how much is reserved, how it travels, and that nothing stays."""

from __future__ import annotations

import pytest

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import CutFile, CutOrder, Cutter, CutTooLarge
from analysis_worker.cutting.scratch import ScratchSpace
from analysis_worker.local import LocalFiles
from analysis_worker.long_media.segment_media import SegmentStore, cut_on_scratch, need_bytes, on_disk, piece_of
from analysis_worker.long_media.segments import Cut, Segment
from analysis_worker.media.probe import PathSource
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.values import Delivery, PlannedMedia
from media_contracts import MediaItem
from tests.worker.films import recording

SEGMENT = Segment(index=1, start_seconds=10.0, end_seconds=15.0, overlap_seconds=2.0)


def order_of(tmp_path, **changes):
    path = recording(tmp_path / "a.wav")
    source = PathSource(index=0, kind="audio", size_bytes=path.stat().st_size, path=path)
    facts = {"source": source, "start_seconds": 10.0, "end_seconds": 15.0, "cut": Cut.COPY, "most_bytes": 1_000_000}
    return CutOrder(**facts | {"path": tmp_path / "piece"} | changes)


async def test_a_piece_is_held_on_reserved_space_and_gone_afterwards(tmp_path):
    space = ScratchSpace(total_bytes=2_000_000)
    async with cut_on_scratch(order_of(tmp_path), cutter=Cutter(), space=space) as made:
        assert space.used_bytes == made.size_bytes == made.path.stat().st_size
        store = SegmentStore(store=LocalFiles())
        async with store.open(on_disk(made)) as chunks:
            assert sum([len(chunk) async for chunk in chunks]) == made.size_bytes
    assert (space.used_bytes, made.path.exists()) == (0, False)
    assert space.peak_bytes == 1_000_000


async def test_a_piece_that_needs_more_than_was_thought_is_cut_again_with_more(tmp_path):
    space = ScratchSpace(total_bytes=2_000_000)
    async with cut_on_scratch(order_of(tmp_path, most_bytes=100_000), cutter=Cutter(), space=space) as made:
        assert made.size_bytes > 100_000
    assert 100_000 < space.peak_bytes < 500_000


@pytest.mark.parametrize(("cut", "least", "most"), [(Cut.COPY, 260, 400), (Cut.ENCODE, 32, 44)])
def test_the_need_is_the_pieces_share_of_a_copy_or_its_bits_when_it_is_encoded(cut, least, most):
    segment = Segment(index=0, start_seconds=0.0, end_seconds=100.0, cut=cut)
    need = need_bytes(segment, size_bytes=2_000_000_000, duration_seconds=1000.0, bits_per_second=2_600_000)
    assert least * 10**6 <= need <= most * 10**6


@pytest.mark.parametrize(
    ("size_bytes", "public", "delivery"),
    [
        (7_000_000, False, Delivery.INLINE),
        (7_000_000, True, Delivery.INLINE),
        (9_000_000, True, Delivery.PRESIGNED),
        (9_000_000, False, Delivery.INLINE),
    ],
)
def test_a_piece_travels_inline_where_it_fits_and_else_by_url_where_the_store_is_public(
    tmp_path, size_bytes, public, delivery
):
    probed = ProbedMedia(
        index=0, kind="video", format="mov", content_type="video/quicktime", size_bytes=10**9, duration_seconds=900.0
    )
    whole = PlannedMedia(item=MediaItem(kind="video", bucket="b", key="k"), delivery=Delivery.PRESIGNED, probed=probed)
    made = CutFile(
        path=tmp_path / "piece", format="mp4", content_type="video/mp4", size_bytes=size_bytes, start_seconds=10.0
    )
    found = piece_of(whole, SEGMENT, made, card=load_catalogue().card("qwen3.5-omni-plus"), public=public)
    assert (found.delivery, found.probed.duration_seconds) == (delivery, 5.0)
    assert (found.probed.content_type, found.probed.size_bytes) == ("video/mp4", size_bytes)
    assert found.objects[0].size_bytes == size_bytes


async def test_what_outgrows_even_the_whole_is_refused_and_leaves_nothing(tmp_path):
    space = ScratchSpace(total_bytes=10**9)
    path = recording(tmp_path / "a.wav")
    source = PathSource(index=0, kind="audio", size_bytes=10, path=path)
    order = order_of(tmp_path, source=source, most_bytes=10, start_seconds=0.0, end_seconds=20.0)
    async with cut_on_scratch(order, cutter=Cutter(), space=space) as made:
        assert made.size_bytes > 600_000  # a margin of a MiB is always allowed
    with pytest.raises(CutTooLarge):
        await Cutter().cut(order)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
