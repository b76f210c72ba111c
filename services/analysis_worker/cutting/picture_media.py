"""Planned pictures and how each is shrunk in, their smaller copies as planned media out, on reserved scratch space."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis_worker.cutting.cutter import PictureOrder
from analysis_worker.long_media.segment_media import on_disk
from analysis_worker.media.probe import HeadSource
from analysis_worker.values import Delivery, PlannedMedia

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from analysis_worker.cards import Kind
    from analysis_worker.cutting.cutter import CutFile, Cutter, FilmSource
    from analysis_worker.cutting.scratch import ScratchSpace
    from analysis_worker.cutting.shrink_pictures import PictureShrink
    from analysis_worker.media.media_store import MediaStore
    from analysis_worker.values import StoredObject


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureTools:
    """What shrinking works with; `folder` is the process's own on scratch space."""

    store: MediaStore
    cutter: Cutter
    space: ScratchSpace
    folder: Path


@asynccontextmanager
async def shrunk_pictures(
    media: Sequence[PlannedMedia], shrinks: Mapping[int, PictureShrink], *, tools: PictureTools, name: str
) -> AsyncIterator[tuple[PlannedMedia, ...]]:
    """The media with those at `shrinks`' indexes encoded smaller, inline, for the length of the block.

    All space is reserved at once, before the first: who holds some and asks for more could wait for itself. `name`
    is one that nobody else writes to in the folder. Raises what `Cutter.shrink` and `ScratchSpace.reserved` raise.
    """
    orders = {
        index: tuple(
            PictureOrder(
                source=_source(tools.store, stored, index=index, kind=media[index].item.kind),
                path=tools.folder / f"{name}-{index}-{part}",
                pixels_max=made.pixels_max,
                most_bytes=made.most_bytes,
            )
            for part, stored in enumerate(media[index].objects)
        )
        for index, made in shrinks.items()
    }
    wanted = [order for found in orders.values() for order in found]
    async with tools.space.reserved(sum(order.most_bytes for order in wanted)) as reservation:
        try:
            files = await _made(wanted, tools.cutter)
            reservation.keep(sum(made.size_bytes for made in files.values()))
            yield tuple(
                _in_place(medium, [files[order.path] for order in orders[index]], shrinks[index])
                if index in orders
                else medium
                for index, medium in enumerate(media)
            )
        finally:
            for order in wanted:
                order.path.unlink(missing_ok=True)


async def _made(orders: Sequence[PictureOrder], cutter: Cutter) -> dict[Path, CutFile]:
    """Every picture, or the first fault once all have ended: a child that goes on would write into freed space."""
    done = await asyncio.gather(*(cutter.shrink(order) for order in orders), return_exceptions=True)
    files = {}
    for made in done:
        if isinstance(made, BaseException):
            raise made
        files[made.path] = made
    return files


def _in_place(medium: PlannedMedia, files: Sequence[CutFile], shrink: PictureShrink) -> PlannedMedia:
    if medium.probed is None:
        raise ValueError("a picture that was not probed is not shrunk")
    return replace(
        medium,
        delivery=Delivery.INLINE,
        objects=tuple(on_disk(made) for made in files),
        probed=replace(shrink.of(medium.probed), size_bytes=max(made.size_bytes for made in files)),
    )


def _source(store: MediaStore, stored: StoredObject, *, index: int, kind: Kind) -> FilmSource:
    source = store.film_source(stored, index=index, kind=kind)
    if isinstance(source, HeadSource):
        raise TypeError(f"media[{index}] ({kind}) is nowhere that a child process can read it")
    return source
