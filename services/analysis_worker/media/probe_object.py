"""A stored object and its kind in, what its bytes are out: from the first of them, else by the ranges that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis_worker.media.probe import HEAD_BYTES, HeadSource, HeadTooShort, probe

if TYPE_CHECKING:
    from analysis_worker.cards import Kind
    from analysis_worker.media.media_store import MediaStore
    from analysis_worker.media.probe import ProbePool
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.values import StoredObject


async def probe_object(
    stored: StoredObject, *, index: int, kind: Kind, store: MediaStore, pool: ProbePool
) -> ProbedMedia:
    """Look at one object of the medium `index`; a picture's header seldom lies anywhere but in front, a film's may.

    Raises what `probe` raises but `HeadTooShort`, and what `MediaStore.read_head` raises.
    """
    if kind in {"audio", "video"}:
        return await probe(store.film_source(stored, index=index, kind=kind), pool=pool)
    head = await store.read_head(stored, size_bytes=min(HEAD_BYTES, stored.size_bytes))
    try:
        return await probe(HeadSource(index=index, kind=kind, size_bytes=stored.size_bytes, head=head), pool=pool)
    except HeadTooShort:
        return await probe(store.film_source(stored, index=index, kind=kind), pool=pool)
