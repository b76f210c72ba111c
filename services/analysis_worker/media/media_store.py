"""What planning and fetching need of a place where media lie: an object store, or the local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from analysis_worker.cards import Kind
    from analysis_worker.media.probe import ProbeSource
    from analysis_worker.values import StoredObject


class MediaStore(Protocol):
    """Two places implement it: `ObjectStore` for requests, `LocalFiles` for `media-analysis analyze`."""

    @property
    def public(self) -> bool:
        """Whether the model can reach it."""

    async def stat(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        """The facts of an object. :raises MediaMissing: when there is none."""

    async def read_head(self, stored: StoredObject, *, size_bytes: int) -> bytes:
        """Its first bytes. :raises MediaChanged: when it is another one now."""

    def open(self, stored: StoredObject) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Its chunks."""

    def presign_public(self, stored: StoredObject, *, seconds: float) -> str:
        """A URL for the model."""

    def film_source(self, stored: StoredObject, *, index: int, kind: Kind) -> ProbeSource:
        """Where a child process reads a recording or film."""
