"""A planned segment in, the cut piece as planned media and a place to read it from out, on reserved scratch space."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis_worker.cutting.cutter import CutTooLarge
from analysis_worker.limits import fits_inline
from analysis_worker.long_media.segments import Cut
from analysis_worker.values import Delivery, PlannedMedia, StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from analysis_worker.cards import Kind, ModelCard
    from analysis_worker.cutting.cutter import CutFile, CutOrder, Cutter
    from analysis_worker.cutting.scratch import ScratchSpace
    from analysis_worker.long_media.segments import Segment
    from analysis_worker.media.media_store import MediaStore
    from analysis_worker.media.probe import ProbeSource

_SPARE: Final = 1.3
"""Of a copy's share of the bytes: a film is not equally dense everywhere."""
_HEADER_BYTES: Final = 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024


def need_bytes(segment: Segment, *, size_bytes: int, duration_seconds: float, bits_per_second: int) -> int:
    """The scratch space that a segment of a medium of that size and length will probably need.

    `bits_per_second` is what an encoded one has at most.
    """
    if segment.cut is Cut.ENCODE:
        return int(segment.length_seconds * bits_per_second / 8 * _SPARE) + _HEADER_BYTES
    share = min(segment.length_seconds / duration_seconds * _SPARE, 1.0)
    return int(size_bytes * share) + _HEADER_BYTES


@asynccontextmanager
async def cut_on_scratch(order: CutOrder, *, cutter: Cutter, space: ScratchSpace) -> AsyncIterator[CutFile]:
    """The cut piece, for the length of the block; `order.most_bytes` is reserved first, and more if that is too little.

    A piece is never larger than the whole it is cut from, or than twice what was thought. Raises what `Cutter.cut` and
    `ScratchSpace.reserved` raise.
    """
    most_bytes = max(order.source.size_bytes + _HEADER_BYTES, 2 * order.most_bytes)
    while True:
        async with space.reserved(order.most_bytes) as reservation:
            try:
                made = await cutter.cut(order)
            except CutTooLarge:
                if order.most_bytes >= most_bytes:
                    raise
                order = replace(order, most_bytes=min(2 * order.most_bytes, most_bytes))
                continue
            reservation.keep(made.size_bytes)
            try:
                yield made
            finally:
                made.path.unlink(missing_ok=True)
            return


def piece_of(medium: PlannedMedia, segment: Segment, made: CutFile, *, card: ModelCard, public: bool) -> PlannedMedia:
    """The piece in the place of its medium: inline where it fits, else by URL where the model reaches the store.

    Where neither holds it stays inline, and `check_item` refuses it. Its object is the file until it is uploaded.
    """
    if medium.probed is None:
        raise ValueError("a medium that was not probed has no segments")
    probed = replace(
        medium.probed,
        format=made.format,
        content_type=made.content_type,
        size_bytes=made.size_bytes,
        duration_seconds=segment.length_seconds,
        frames=None,
    )
    by_url = public and not fits_inline(card, probed)
    return PlannedMedia(
        item=medium.item,
        delivery=Delivery.PRESIGNED if by_url else Delivery.INLINE,
        objects=(on_disk(made),),
        probed=probed,
    )


def on_disk(made: CutFile) -> StoredObject:
    """A piece that is no object of the store; only `SegmentStore` can open it."""
    return StoredObject(
        bucket=DISK,
        key=str(made.path),
        version_id=None,
        etag="",
        size_bytes=made.size_bytes,
        content_type=made.content_type,
    )


DISK: Final = "/scratch"
"""No bucket can have this name, so no request can name it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentStore:
    """A `MediaStore` that also opens pieces on scratch space; all else is the store's."""

    store: MediaStore

    @property
    def public(self) -> bool:
        """Whether the model can reach the store."""
        return self.store.public

    async def stat(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        """The facts of an object."""
        return await self.store.stat(bucket, key, version_id)

    async def read_head(self, stored: StoredObject, *, size_bytes: int) -> bytes:
        """Its first bytes."""
        return await self.store.read_head(stored, size_bytes=size_bytes)

    def open(self, stored: StoredObject) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Its chunks, from the disk for a piece."""
        return _opened(Path(stored.key)) if stored.bucket == DISK else self.store.open(stored)

    def presign_public(self, stored: StoredObject, *, seconds: float) -> str:
        """A URL for the model; pieces must be uploaded first."""
        return self.store.presign_public(stored, seconds=seconds)

    def film_source(self, stored: StoredObject, *, index: int, kind: Kind) -> ProbeSource:
        """Where a child process reads a recording or film."""
        return self.store.film_source(stored, index=index, kind=kind)


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[AsyncIterator[bytes]]:
    with path.open("rb") as file:

        async def chunks() -> AsyncIterator[bytes]:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

        yield chunks()
