"""Options of `submit` in; local files uploaded, and the request's media, out."""

from __future__ import annotations

from typing import Any

import click

from media_analysis import environment
from media_analysis.bucket import content_type_of, key_of, place_of, upload
from media_analysis.clip_option import clip_for
from media_analysis.submission import kind_of


async def media_of(options: dict[str, Any], *, tenant: str) -> list[dict[str, Any]]:
    """Return the media, as JSON, that are named or uploaded. Raises UsageError."""
    uploads, keys, bucket = options["uploads"], options["keys"], options["bucket"]
    if not uploads:
        if bool(keys) != bool(bucket):
            raise click.UsageError("an object is named by --bucket and --key together")
        return [_item(bucket, key, options) for key in keys]
    if len(keys) > 1 or (keys and len(uploads) > 1):
        raise click.UsageError("--key with --upload names the one uploaded object: give one of each")
    s3 = environment.s3_settings()
    place = place_of(tenant, s3.allowed)
    bucket = bucket or (place.bucket if place else None)
    if bucket is None:
        raise click.UsageError(f"no bucket to upload to: add --bucket, or a place for tenant {tenant!r} to S3_ALLOWED")
    prefix = place.prefix if place and place.bucket == bucket else ""
    items = []
    for path in uploads:
        key = keys[0] if keys else key_of(path, prefix=prefix)
        items.append(_item(bucket, key, options))
        await upload(path, settings=s3, bucket=bucket, key=key)
    return items


def _item(bucket: str, key: str, options: dict[str, Any]) -> dict[str, Any]:
    try:
        kind = options["kind"] or kind_of(key, content_type_of(key))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return {"kind": kind, "bucket": bucket, "key": key, **clip_for(kind, options["clip"])}
