"""A folder and the store in; the samples and the long media, made and uploaded, with what the report shows of them, out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import media_analysis
from media_analysis.bucket import upload
from media_analysis.demo.cases import BUCKET
from media_analysis.demo.long_media import FILM, RECORDING, make_long_media
from media_analysis.demo.pictures import film_strip, thumbnail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_worker.settings import S3Settings
    from media_analysis.report import Picture

SAMPLES: Final = Path(media_analysis.__file__).parent / "samples"
MADE: Final = (FILM, RECORDING)
UPLOADS: Final[Mapping[str, str]] = {
    "demo/astronaut.png": "astronaut.png",
    "demo/chelsea.png": "chelsea.png",
    "demo/coffee.png": "coffee.png",
    "demo/rocket.jpg": "rocket.jpg",
    "demo/text.png": "text.png",
    "demo/sense_and_sensibility.wav": "sense_and_sensibility.wav",
    "demo/bigbuckbunny.mp4": "bigbuckbunny.mp4",
    "demo/photo.jpg": "README.md",  # a text file that calls itself a photograph
    "acme/chelsea.png": "chelsea.png",
    f"demo/{FILM}": FILM,
    f"demo/{RECORDING}": RECORDING,
}
"""Key in the bucket → sample, or what is made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibits:
    """By the name of the file: a thumbnail of each, and of a film a strip of its pictures."""

    pictures: Mapping[str, Picture]
    strips: Mapping[str, tuple[Picture, ...]]


async def set_up(folder: Path, *, settings: S3Settings) -> Exhibits:
    """Make what is made, upload everything, and return what there is to be seen of it."""
    making = asyncio.create_task(asyncio.to_thread(make_long_media, folder))
    await _upload({key: SAMPLES / name for key, name in UPLOADS.items() if name not in MADE}, settings)
    made = await making
    await _upload({key: made[name] for key, name in UPLOADS.items() if name in MADE}, settings)
    return await asyncio.to_thread(_shown, [*SAMPLES.iterdir(), *made.values()])


async def _upload(files: Mapping[str, Path], settings: S3Settings) -> None:
    await asyncio.gather(*(upload(path, settings=settings, bucket=BUCKET, key=key) for key, path in files.items()))


def _shown(paths: list[Path]) -> Exhibits:
    media = [path for path in paths if path.suffix in {".png", ".jpg", ".wav", ".mp3", ".mp4"}]
    return Exhibits(
        pictures={path.name: thumbnail(path) for path in media},
        strips={path.name: film_strip(path) for path in media if path.suffix == ".mp4"},
    )
