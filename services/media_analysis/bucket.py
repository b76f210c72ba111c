"""Store settings and a local file in; the object that holds its bytes out."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from minio import Minio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from analysis_worker.settings import S3Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A bucket and the prefix below which a tenant's media may lie."""

    bucket: str
    prefix: str


def minio_client(settings: S3Settings) -> Minio:
    """Return minio's client; the region is given, because asking for it would be a blocking call."""
    parts = urlsplit(settings.endpoint)
    return Minio(
        parts.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=settings.region,
    )


def place_of(tenant: str, allowed: Mapping[str, tuple[str, ...]]) -> Place | None:
    """Return the first place that the tenant may read (`S3_ALLOWED`), or None."""
    for pattern in allowed.get(tenant, ()):
        bucket, _, prefix = pattern.partition("/")
        return Place(bucket=bucket, prefix=prefix.rstrip("*"))
    return None


def content_type_of(name: str) -> str:
    """Return the content type that a file's name suggests."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def key_of(path: Path, *, prefix: str) -> str:
    """Return a key that the same bytes under the same name always get, so that a repeated upload changes nothing."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{prefix}uploads/{digest[:16]}/{path.name}"


async def upload(path: Path, *, settings: S3Settings, bucket: str, key: str) -> None:
    """Put a file into a bucket, in parts when it is large. Raises minio's and urllib3's errors, and OSError."""
    client = minio_client(settings)
    await asyncio.to_thread(client.fput_object, bucket, key, str(path), content_type=content_type_of(path.name))
