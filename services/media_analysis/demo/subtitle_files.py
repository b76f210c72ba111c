"""Ended rows and the store in, their subtitle files out as the report plays and links them."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Final

from media_analysis.demo.sounds import read_artifact
from media_analysis.report import Subtitles
from media_contracts import find_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from analysis_worker.settings import S3Settings
    from media_analysis.demo.board import Row
    from media_contracts import Artifact

_PLAYED: Final = {".wav": "audio/wav", ".mp4": "video/mp4"}
# The page holds everything that it shows.
_MOST_BYTES: Final = 2 * 1024 * 1024


async def subtitle_files(rows: Iterable[Row], *, settings: S3Settings, samples: Path) -> dict[int, Subtitles]:
    """Return the subtitles by the number of their case, with the sample that they are of where a page holds it."""
    found: dict[int, Subtitles] = {}
    for row in rows:
        srt, webvtt = (find_artifact(row.completion, role) if row.completion else None for role in ("srt", "webvtt"))
        if srt is None or webvtt is None:
            continue
        name = row.case.samples[0] if row.case.samples else None
        found[row.case.number] = Subtitles(
            srt_uri=await _uri_of(srt, settings),
            webvtt_uri=await _uri_of(webvtt, settings),
            medium_uri=_medium(samples / name) if name else None,
        )
    return found


async def _uri_of(artifact: Artifact, settings: S3Settings) -> str:
    return _uri(await asyncio.to_thread(read_artifact, artifact, settings), artifact.content_type)


def _medium(path: Path) -> str | None:
    content_type = _PLAYED.get(path.suffix)
    if content_type is None or path.stat().st_size > _MOST_BYTES:
        return None
    return _uri(path.read_bytes(), content_type)


def _uri(body: bytes, content_type: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(body).decode()}"
