"""Pure: who may read what: a tenant's patterns against the places that a request names (law 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from analysis_worker.errors import MediaForbidden

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from media_contracts import MediaItem


def require_access(
    items: Sequence[MediaItem], *, tenant: str, allowed: Mapping[str, Sequence[str]], url_hosts: Collection[str]
) -> None:
    """Check every place that the media name, before the store is asked anything about it.

    `allowed` maps a tenant to patterns `bucket/prefix*`; without the star a pattern is one object.
    :raises MediaForbidden: for the first place that is not allowed.
    """
    patterns = allowed.get(tenant, ())
    for bucket, key in _objects(items):
        _require_plain(key)
        if not any(_matches(f"{bucket}/{key}", pattern) for pattern in patterns):
            raise MediaForbidden(
                f"tenant {tenant!r} may not read {bucket}/{key}: add it to S3_ALLOWED or move the object"
            )
    for url in _urls(items):
        parts = urlsplit(url)
        # Compared whole, and only https: user info, ports and look-alike suffixes all fail to be equal.
        if parts.scheme != "https" or parts.netloc.lower() not in url_hosts:
            raise MediaForbidden(
                f"URLs at {parts.netloc!r} are not allowed: https only, and the host in WORKER_URL_HOSTS"
            )


def _objects(items: Sequence[MediaItem]) -> Iterator[tuple[str, str]]:
    for item in items:
        keys = item.keys or ((item.key,) if item.key is not None else ())
        for key in keys:
            yield item.bucket or "", key


def _urls(items: Sequence[MediaItem]) -> Iterator[str]:
    for item in items:
        yield from item.urls or ((item.url,) if item.url is not None else ())


def _require_plain(key: str) -> None:
    """HTTP clients and servers resolve dot segments, so `open/../secret` would be read as `secret`."""
    if any(segment in {".", ".."} for segment in key.split("/")):
        raise MediaForbidden(f"the key {key!r} has a dot segment: rename the object")


def _matches(place: str, pattern: str) -> bool:
    return place.startswith(pattern[:-1]) if pattern.endswith("*") else place == pattern
