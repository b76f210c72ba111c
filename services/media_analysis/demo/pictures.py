"""A sample's file in; a thumbnail as a `data:` URI out: the picture itself, a film's frame, or a sound's wave."""

from __future__ import annotations

import base64
import io
from itertools import islice
from typing import TYPE_CHECKING, Final

import av
from PIL import Image, ImageDraw

from media_analysis.report import Picture, figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIZE: Final = (400, 300)
_STRIP: Final = 6
_SHORT_SECONDS: Final = 30.0
_STRIP_SIZE: Final = (240, 180)
_FRAME_SECONDS: Final = 2.0
_BARS: Final = 80
_SAMPLE_RATE: Final = 8000
_INK: Final = (42, 120, 214)
_PAPER: Final = (238, 240, 244)


def thumbnail(path: Path) -> Picture:
    """Return a small picture of a sample. Raises OSError and av.FFmpegError when it cannot be read."""
    match path.suffix:
        case ".mp4":
            picture = _frame(path)
        case ".wav" | ".mp3":
            picture = _wave(path)
        case _:
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
    return Picture(data_uri=_jpeg(picture, _SIZE), caption=path.name)


def _jpeg(picture: Image.Image, size: tuple[int, int]) -> str:
    picture.thumbnail(size)
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()


def film_strip(path: Path) -> tuple[Picture, ...]:
    """Return pictures out of a film at equal distances; the caption is the time. Raises as `thumbnail` does."""
    with av.open(str(path)) as film:
        seconds = float(film.duration or 0) / av.time_base
        wanted = [seconds * (number + 0.5) / _STRIP for number in range(_STRIP)]
        found = list(_passing(film, wanted) if seconds <= _SHORT_SECONDS else _sought(film, wanted))
    return tuple(
        Picture(data_uri=_jpeg(picture, _STRIP_SIZE), caption=figures.clock(round(at)))
        for at, picture in zip(wanted, found, strict=False)
    )


def _passing(film: av.container.InputContainer, wanted: list[float]) -> Iterator[Image.Image]:
    """The pictures at those seconds of a film that is short enough to be decoded."""
    left = list(wanted)
    for frame in film.decode(video=0):
        if left and frame.time is not None and frame.time >= left[0]:
            del left[0]
            yield frame.to_image()  # type: ignore[no-untyped-call]


def _sought(film: av.container.InputContainer, wanted: list[float]) -> Iterator[Image.Image]:
    """The pictures from the key frames before those seconds: nothing between has to be decoded."""
    for at_seconds in wanted:
        film.seek(int(at_seconds * av.time_base))
        for frame in islice(film.decode(video=0), 1):
            yield frame.to_image()  # type: ignore[no-untyped-call]


def _frame(path: Path) -> Image.Image:
    with av.open(str(path)) as film:
        last = None
        for frame in film.decode(video=0):
            last = frame
            if frame.time is not None and frame.time >= _FRAME_SECONDS:
                break
        if last is None:
            raise OSError(f"{path.name} has no frames")
        picture: Image.Image = last.to_image()  # type: ignore[no-untyped-call]
        return picture


def _wave(path: Path) -> Image.Image:
    levels = list(_levels(path))
    width, height = _SIZE[0], _SIZE[1] // 2
    picture = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(picture)
    step, middle = width / _BARS, height / 2
    loudest = max(levels, default=0) or 1
    for at, level in enumerate(levels):
        reach = max(1.0, level / loudest * (middle - 8))
        pen.rectangle((at * step + 1, middle - reach, (at + 1) * step - 1, middle + reach), fill=_INK)
    return picture


def _levels(path: Path) -> Iterator[int]:
    """Yield the loudest sample of each of the equal parts of a sound, 16 bits."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_SAMPLE_RATE)
    held = bytearray()
    with av.open(str(path)) as sound:
        for frame in sound.decode(audio=0):
            for part in resampler.resample(frame):
                held += bytes(part.planes[0])[: part.samples * 2]
    samples = memoryview(held).cast("h")
    size = max(len(samples) // _BARS, 1)
    for start in range(0, size * _BARS, size):
        yield max((abs(value) for value in samples[start : start + size]), default=0)
