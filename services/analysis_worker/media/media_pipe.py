"""Planned media in, their bytes out while a request body is sent; whatever was opened is closed with the pipe.

Law 8: nothing is held here; an object's bytes pass through in the store's own chunks.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from analysis_worker.media.media_store import MediaStore
    from analysis_worker.provider.byte_pipe import MediaHole
    from analysis_worker.provider.request_body import MediaPart
    from analysis_worker.values import PlannedMedia


class MediaPipe:
    """The media of one call: `parts` for the body, `open` for its holes; everything it opened closes with it.

    A body generator that is dropped after an early answer is closed late (conventions.md §3.9), so the streams it
    reads belong to this pipe and not to the generator.
    """

    def __init__(self, *, store: MediaStore, media: Sequence[PlannedMedia], parts: tuple[MediaPart, ...]) -> None:
        self._store = store
        self._media = media
        self.parts = parts
        self._streams = AsyncExitStack()

    async def open(self, hole: MediaHole) -> AsyncIterator[bytes]:
        """The chunks of one object, pinned to the ETag that was planned."""
        stream = AsyncExitStack()
        self._streams.push_async_callback(stream.aclose)
        chunks = await stream.enter_async_context(self._store.open(self._media[hole.index].objects[hole.part]))
        async for chunk in chunks:
            yield chunk
        await stream.aclose()

    async def close(self) -> None:
        """Close whatever is still open."""
        await self._streams.aclose()
