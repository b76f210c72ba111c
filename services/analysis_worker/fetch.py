"""Plan in, media parts of the request body out: a signed URL, or a byte pipe that is read while the body is sent."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, assert_never

from analysis_worker.media.media_pipe import MediaPipe
from analysis_worker.outline import fps_of
from analysis_worker.provider.request_body import (
    AudioPart,
    FramesPart,
    ImagePart,
    InlineSource,
    MediaPart,
    Source,
    UrlSource,
    VideoPart,
)
from analysis_worker.values import AnalysisPlan, Delivery, PlannedMedia, StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from analysis_worker.media.media_store import MediaStore


@asynccontextmanager
async def fetch(plan: AnalysisPlan, *, store: MediaStore, signed_seconds: float) -> AsyncIterator[MediaPipe]:
    """The media for one attempt: URLs are signed anew for each, and live for `signed_seconds`."""
    parts = tuple(_part(medium, plan=plan, store=store, signed_seconds=signed_seconds) for medium in plan.media)
    pipe = MediaPipe(store=store, media=plan.media, parts=parts)
    try:
        yield pipe
    finally:
        await pipe.close()


def _part(medium: PlannedMedia, *, plan: AnalysisPlan, store: MediaStore, signed_seconds: float) -> MediaPart:
    sources = tuple(_sources(medium, store=store, signed_seconds=signed_seconds))
    pixels = plan.pixels
    match medium.item.kind:
        case "image":
            return ImagePart(source=sources[0], min_pixels=pixels.image_min_pixels, max_pixels=pixels.image_max_pixels)
        case "audio":
            return AudioPart(source=sources[0], format=_audio_format(medium))
        case "video":
            return VideoPart(source=sources[0], max_pixels=pixels.frame_max_pixels, total_pixels=pixels.total_pixels)
        case "frames":
            return FramesPart(
                sources=sources,
                fps=fps_of(medium.item, card=plan.card),
                max_pixels=pixels.frame_max_pixels,
                total_pixels=pixels.total_pixels,
            )
        case kind:
            assert_never(kind)


def _sources(medium: PlannedMedia, *, store: MediaStore, signed_seconds: float) -> list[Source]:
    match medium.delivery:
        case Delivery.URL:
            return [UrlSource(url=url) for url in medium.urls]
        case Delivery.PRESIGNED:
            return [UrlSource(url=store.presign_public(stored, seconds=signed_seconds)) for stored in medium.objects]
        case Delivery.INLINE:
            return [_inline(stored, medium) for stored in medium.objects]
        case delivery:
            assert_never(delivery)


def _inline(stored: StoredObject, medium: PlannedMedia) -> Source:
    known = medium.probed.content_type if medium.probed else stored.content_type
    return InlineSource(content_type=known or "application/octet-stream", size_bytes=stored.size_bytes)


def _audio_format(medium: PlannedMedia) -> str | None:
    return medium.probed.format if medium.probed else None
