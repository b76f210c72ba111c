"""Ended rows and the store in, their spoken answers as the report plays them out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import wave
from typing import TYPE_CHECKING, Final

from media_analysis.bucket import minio_client
from media_analysis.report import Sound, figures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analysis_worker.settings import S3Settings
    from media_analysis.demo.board import Row
    from media_contracts import Artifact

ROLE: Final = "speech"
# The page holds everything that it shows; a minute and a half of speech is enough to be believed.
_MOST_BYTES: Final = 4 * 1024 * 1024


async def spoken_answers(rows: Iterable[Row], *, settings: S3Settings) -> dict[int, Sound]:
    """Return the sounds by the number of their case; what is longer than a page holds is left in the store."""
    found = {
        row.case.number: artifact
        for row in rows
        if row.completion is not None
        for artifact in row.completion.artifacts
        if artifact.role == ROLE and artifact.size_bytes <= _MOST_BYTES
    }
    data = await asyncio.gather(*(asyncio.to_thread(read_artifact, artifact, settings) for artifact in found.values()))
    return {number: sound_of(body) for number, body in zip(found, data, strict=True)}


def sound_of(body: bytes) -> Sound:
    """Return a WAV file as the page plays it. Raises wave.Error when it is none."""
    with wave.open(io.BytesIO(body)) as file:
        seconds = file.getnframes() / file.getframerate()
    return Sound(
        data_uri=f"data:audio/wav;base64,{base64.b64encode(body).decode()}",
        caption=f"The spoken answer, {figures.seconds(seconds)}",
    )


def read_artifact(artifact: Artifact, settings: S3Settings) -> bytes:
    """Return an artifact of a completion from the store."""
    answer = minio_client(settings).get_object(artifact.bucket, artifact.key)
    with contextlib.closing(answer):
        body: bytes = answer.read()
    answer.release_conn()
    return body
