"""Cut segments on scratch space in, objects under `scratch/{tenant}/{completion_id}/` out, and their removal.

Only what the model must fetch by itself lies there. What a crash leaves is removed by the worker that takes the
request up again, and what nobody takes up by the sweep.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from analysis_worker.errors import StoreUnavailable
from analysis_worker.patience import finished_even_if_cancelled
from analysis_worker.values import StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    from analysis_worker.cutting.cutter import CutFile
    from analysis_worker.object_store import ObjectStore

PREFIX: Final = "scratch/"
SWEPT_AFTER_SECONDS: Final = 2 * 86_400.0
"""Older than any request with the default deadline can be."""
SWEEP_SECONDS: Final = 3600.0
FORMATS: Final = ("mp4", "mp3", "aac", "wav", "amr")
"""All that a cut can be written as: a crash leaves nobody who knows which it was."""
_CHUNK_BYTES: Final = 256 * 1024
_AT_ONCE: Final = 8
_MOST_SWEPT: Final = 1000
log = logging.getLogger(__name__)


class ScratchObjects:
    """The scratch objects of one request."""

    def __init__(self, *, store: ObjectStore, bucket: str, tenant: str, completion_id: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = f"{PREFIX}{tenant}/{completion_id}/"

    @asynccontextmanager
    async def holding(self, index: int, made: CutFile) -> AsyncIterator[StoredObject]:
        """A segment as an object, for the length of the block. :raises StoreUnavailable: when it cannot be written."""
        key = self._key(index, made.format)
        try:
            etag = await self._store.put(
                self._bucket, key, _chunks(made.path), content_type=made.content_type, size_bytes=made.size_bytes
            )
            yield StoredObject(
                bucket=self._bucket,
                key=key,
                version_id=None,
                etag=etag,
                size_bytes=made.size_bytes,
                content_type=made.content_type,
            )
        finally:
            await finished_even_if_cancelled(remove(self._store, self._bucket, [key]))

    async def remove_left(self, count: int) -> None:
        """Remove what an earlier start of the request may have left of so many segments."""
        keys = [self._key(index, form) for index in range(count) for form in FORMATS]
        await remove(self._store, self._bucket, keys)

    def _key(self, index: int, form: str) -> str:
        return f"{self._prefix}segment-{index}.{form}"


async def sweep(store: ObjectStore, bucket: str, *, older_than_seconds: float = SWEPT_AFTER_SECONDS) -> int:
    """Remove the scratch objects that nobody came back for; how many there were.

    :raises StoreUnavailable: when they cannot be listed.
    """
    left = await store.keys_below(bucket, PREFIX, older_than_seconds=older_than_seconds, most=_MOST_SWEPT)
    await remove(store, bucket, left)
    return len(left)


async def swept_for_ever(store: ObjectStore, bucket: str) -> None:
    """Sweep now and every hour; a store that cannot list them keeps them until the next time."""
    while True:
        try:
            if count := await sweep(store, bucket):
                log.info("scratch swept", extra={"event": "scratch_swept", "count": count})
        except Exception as error:  # noqa: BLE001 - nothing depends on it
            fault = str(error) or type(error).__name__
            log.warning("scratch not swept", extra={"event": "scratch_not_swept", "error": fault})
        await asyncio.sleep(SWEEP_SECONDS)


async def remove(store: ObjectStore, bucket: str, keys: Iterable[str]) -> None:
    """Remove objects; one that cannot be is left to the sweep, because nothing depends on it."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str) -> None:
        async with turns:
            try:
                await store.delete(bucket, key)
            except StoreUnavailable as error:
                log.warning("scratch left", extra={"event": "scratch_left", "key": key, "error": error.message})

    await asyncio.gather(*(one(key) for key in keys))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
