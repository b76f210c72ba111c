"""Bucket and key in, objects out: minio signs, httpx sends (DESIGN.md §5); their errors become ours here.

`Minio.put_object` takes no headers, so a condition given to it is silently lost; a presigned PUT with the condition as
an extra header is enforced. Presigning without a region would make a blocking call, so the region is always passed.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from analysis_worker.errors import (
    MediaChanged,
    MediaForbidden,
    MediaMissing,
    Stopped,
    StoreUnavailable,
)
from analysis_worker.media.probe import UrlSource
from analysis_worker.store_wire import age_seconds, condition_failed, in_slices
from analysis_worker.transport import TransferFailed, transfer
from analysis_worker.values import StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from analysis_worker.cards import Kind
    from analysis_worker.settings import S3Settings

SIGNED_SECONDS: Final = 900
"""Life of a URL that only we use; one is made per request."""
FILM_SECONDS: Final = 86_400
"""Life of one that a child process reads a film by, which may wait for scratch space and its turn before it is cut."""
SHOWN_BYTES: Final = 300
PROBE_KEY: Final = "probe/conditional-write"
"""One key for ever: where an earlier start left it, the first write is refused already, which shows as much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """A small object with its facts; `age_seconds` is the store's `Date` minus its `Last-Modified`."""

    body: bytes
    etag: str
    age_seconds: float


class Occupied(Exception):
    """A conditional write lost: the object exists (`If-None-Match`) or is another one now (`If-Match`)."""


class ObjectStore:
    """One S3-compatible store.

    :raises StoreUnavailable: from every call, when the store does not answer or answers 5xx.
    """

    def __init__(self, *, settings: S3Settings, client: httpx.AsyncClient) -> None:
        self._client = client
        self._private = _signer(settings, settings.endpoint)
        self._public = _signer(settings, settings.public_endpoint) if settings.public_endpoint else None

    @property
    def public(self) -> bool:
        """Whether the model can reach the store."""
        return self._public is not None

    def presign_public(self, stored: StoredObject, *, seconds: float) -> str:
        """A URL by which the model may read the object for `seconds` (at most 7 days)."""
        if self._public is None:
            raise StoreUnavailable("S3_PUBLIC_ENDPOINT is not set: the model cannot reach the store")
        return _sign(self._public, "GET", stored.bucket, stored.key, version_id=stored.version_id, seconds=seconds)

    def film_source(self, stored: StoredObject, *, index: int, kind: Kind) -> UrlSource:
        """Where our own child process reads a recording or film, pinned to the ETag.

        Containers keep what matters at either end, so the child reads the ranges that it wants.
        """
        bucket, key, version_id = stored.bucket, stored.key, stored.version_id
        url = _sign(self._private, "GET", bucket, key, version_id=version_id, seconds=FILM_SECONDS)
        return UrlSource(
            index=index, kind=kind, size_bytes=stored.size_bytes, url=url, headers={"If-Match": stored.etag}
        )

    async def stat(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        """The facts of an object. :raises MediaMissing: when there is none."""
        async with self._send("HEAD", bucket, key, version_id=version_id) as response:
            _raise_for_read(response, bucket, key)
            return StoredObject(
                bucket=bucket,
                key=key,
                version_id=version_id,
                etag=response.headers.get("etag", ""),
                size_bytes=int(response.headers.get("content-length", 0)),
                content_type=response.headers.get("content-type"),
            )

    async def read_head(self, stored: StoredObject, *, size_bytes: int) -> bytes:
        """The first bytes of that very object. :raises MediaChanged: when it is another one now."""
        headers = {"If-Match": stored.etag, "Range": f"bytes=0-{size_bytes - 1}"}
        async with self._send(
            "GET", stored.bucket, stored.key, version_id=stored.version_id, headers=headers
        ) as response:
            _raise_for_read(response, stored.bucket, stored.key)
            head = bytearray()
            # Raw: what is decoded on the way has neither the size nor the bytes of the object, and may be a bomb.
            async for chunk in response.aiter_raw():
                head += chunk
                if len(head) >= size_bytes:  # a store that ignores Range sends everything
                    break
            return bytes(head[:size_bytes])

    @asynccontextmanager
    async def open(self, stored: StoredObject) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of that very object; the stream is closed with the block, whoever reads it."""
        headers = {"If-Match": stored.etag}
        async with self._send(
            "GET", stored.bucket, stored.key, version_id=stored.version_id, headers=headers
        ) as response:
            _raise_for_read(response, stored.bucket, stored.key)
            yield response.aiter_raw()

    async def get(self, bucket: str, key: str) -> Blob | None:
        """A small object as a whole, or None."""
        async with self._send("GET", bucket, key) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            if response.status_code != httpx.codes.OK:
                raise StoreUnavailable(
                    f"GET {bucket}/{key}: {await _explain(response)}", http_status=response.status_code
                )
            body = b"".join([chunk async for chunk in response.aiter_raw()])
            return Blob(body=body, etag=response.headers.get("etag", ""), age_seconds=age_seconds(response.headers))

    async def put(
        self,
        bucket: str,
        key: str,
        body: bytes | Iterable[bytes],
        *,
        content_type: str,
        size_bytes: int | None = None,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> str:
        """Write an object, conditionally when asked; returns its ETag. Of what comes in pieces the size must be given.

        :raises Occupied: when the condition fails.
        """
        # In slices, because aiohttp warns of one large body; the length keeps the request from being chunked.
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(body) if isinstance(body, bytes) else size_bytes),
        }
        if if_none_match:
            headers["If-None-Match"] = "*"
        if if_match is not None:
            headers["If-Match"] = if_match
        async with self._send("PUT", bucket, key, headers=headers, content=in_slices(body)) as response:
            if condition_failed(response.status_code, if_none_match=if_none_match, if_match=if_match):
                raise Occupied(f"{bucket}/{key}")
            if response.status_code >= httpx.codes.BAD_REQUEST:
                raise StoreUnavailable(
                    f"PUT {bucket}/{key}: {await _explain(response)}: check S3_RESULTS_BUCKET and the key's rights",
                    http_status=response.status_code,
                )
            return str(response.headers.get("etag", ""))

    async def delete(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is removed already."""
        async with self._send("DELETE", bucket, key) as response:
            if response.status_code >= httpx.codes.BAD_REQUEST and response.status_code != httpx.codes.NOT_FOUND:
                raise StoreUnavailable(
                    f"DELETE {bucket}/{key}: {await _explain(response)}: check the key's rights",
                    http_status=response.status_code,
                )

    async def keys_below(self, bucket: str, prefix: str, *, older_than_seconds: float, most: int) -> tuple[str, ...]:
        """The first keys below a prefix that were written so long ago, by the store's clock and ours."""
        latest = datetime.now(UTC) - timedelta(seconds=older_than_seconds)

        def listed() -> tuple[str, ...]:
            found = self._private.list_objects(bucket, prefix=prefix, recursive=True)
            old = (item.object_name for item in found if item.last_modified and item.last_modified < latest)
            return tuple(islice((str(name) for name in old), most))

        try:
            # minio's own call: it blocks, and pages through the listing (DESIGN.md §5).
            return await asyncio.to_thread(listed)
        except (MinioException, HTTPError) as error:
            raise StoreUnavailable(f"listing {bucket}/{prefix}: {error}: check the key's rights") from error

    async def require_conditional_writes(self, bucket: str, *, key: str = PROBE_KEY) -> None:
        """Put one key twice with `If-None-Match: *`. :raises Stopped: unless one is refused (law 2)."""
        try:
            await self.put(bucket, key, b"probe", content_type="text/plain", if_none_match=True)
            await self.put(bucket, key, b"probe", content_type="text/plain", if_none_match=True)
        except Occupied:
            return
        raise Stopped(
            f"the store ignores If-None-Match on PUT (bucket {bucket!r}): requests would be paid twice;"
            " use a store with conditional writes"
        )

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        version_id: str | None = None,
        headers: Mapping[str, str] = {},
        content: AsyncIterator[bytes] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        url = _sign(self._private, method, bucket, key, version_id=version_id)
        try:
            with transfer():
                async with self._client.stream(
                    method, url, headers={"Accept-Encoding": "identity", **headers}, content=content
                ) as response:
                    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                        raise StoreUnavailable(
                            f"{method} {bucket}/{key}: {await _explain(response)}", http_status=response.status_code
                        )
                    yield response
        except TransferFailed as error:
            raise StoreUnavailable(
                f"{method} {bucket}/{key} at {urlsplit(url).netloc}: {error.fault} ({error})"
            ) from error


def _signer(settings: S3Settings, endpoint: str) -> Minio:
    parts = urlsplit(endpoint)
    return Minio(
        parts.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=settings.region,
    )


def _sign(
    signer: Minio, method: str, bucket: str, key: str, *, version_id: str | None = None, seconds: float = SIGNED_SECONDS
) -> str:
    try:
        return str(
            signer.get_presigned_url(
                method, bucket, key, expires=timedelta(seconds=int(seconds)), version_id=version_id
            )
        )
    except ValueError as error:  # minio's own rules for bucket and object names
        raise MediaMissing(f"{bucket}/{key}: {error}") from error


def _raise_for_read(response: httpx.Response, bucket: str, key: str) -> None:
    match response.status_code:
        case 200 | 206:
            return
        case 404 | 400 | 405:  # 400: a malformed version id; 405: the version is a delete marker
            raise MediaMissing(
                f"{bucket}/{key} does not exist (HTTP {response.status_code})", http_status=response.status_code
            )
        case 412 | 416:
            raise MediaChanged(f"{bucket}/{key} is another object now: its ETag no longer matches")
        case 403:
            # Our key may write the ledger, so it is this object: no right, or (on AWS) no such object and no right to
            # list, which must not be waited for.
            raise MediaForbidden(f"{bucket}/{key}: the store refuses the worker's key: grant it, or check the name")
        case status:
            raise StoreUnavailable(
                f"{bucket}/{key}: HTTP {status}: check the worker's store key and its rights", http_status=status
            )


async def _explain(response: httpx.Response) -> str:
    said = bytearray()
    async for chunk in response.aiter_raw():
        said += chunk
        if len(said) >= SHOWN_BYTES:
            break
    return f"HTTP {response.status_code} {said[:SHOWN_BYTES].decode('utf-8', 'replace')}".strip()
