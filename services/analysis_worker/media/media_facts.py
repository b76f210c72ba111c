"""In: the media that a request names. Out: `PlannedMedia`: what the store says of each, and what its bytes show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis_worker.errors import MediaEmpty
from analysis_worker.media.probe import HEAD_BYTES, HeadSource, ProbeSource, join_frames, probe
from analysis_worker.values import Delivery, PlannedMedia, StoredObject

if TYPE_CHECKING:
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.planner import Planner
    from media_contracts import MediaItem


async def planned_medium(item: MediaItem, *, index: int, planner: Planner) -> PlannedMedia:
    """One medium with its facts; one behind a URL of others has none.

    :raises MediaMissing: or another leaf of what the store and the probe find. :raises StoreUnavailable: as they do.
    """
    urls = item.urls or ((item.url,) if item.url is not None else ())
    if urls:
        return PlannedMedia(item=item, delivery=Delivery.URL, urls=urls)
    keys = item.keys or (item.key or "",)
    objects = tuple([await planner.store.stat(item.bucket or "", key, item.version_id) for key in keys])
    for stored in objects:
        if stored.size_bytes == 0:
            raise MediaEmpty(f"media[{index}] {stored.bucket}/{stored.key} has no bytes: upload it again")
    probed = [await _probe(item, stored, index=index, planner=planner) for stored in objects]
    return PlannedMedia(
        item=item,
        delivery=Delivery.PRESIGNED if planner.store.public else Delivery.INLINE,
        objects=objects,
        probed=join_frames(probed) if item.kind == "frames" else probed[0],
    )


async def _probe(item: MediaItem, stored: StoredObject, *, index: int, planner: Planner) -> ProbedMedia:
    source: ProbeSource
    if item.kind in {"audio", "video"}:
        source = planner.store.film_source(stored, index=index, kind=item.kind)
    else:
        head = await planner.store.read_head(stored, size_bytes=min(HEAD_BYTES, stored.size_bytes))
        source = HeadSource(index=index, kind=item.kind, size_bytes=stored.size_bytes, head=head)
    return await probe(source, pool=planner.pool)
