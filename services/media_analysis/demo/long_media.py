"""A folder in; a film of ten minutes that shows the time and a recording of five that sounds it, made in seconds, out.

Both say at every half minute where they are: the film by a clock, also as a strip that the simulator reads, and both by
a tone whose pitch is 300 Hz and a hertz for each second. So an answer can be held against the place that it names.
"""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Final

import av
from PIL import Image, ImageDraw, ImageFont

from model_simulator.clock_strip import HEIGHT_SHARE, clock_words, strip_of

if TYPE_CHECKING:
    from pathlib import Path

FILM: Final = "clock_film.mp4"
RECORDING: Final = "clock_tones.mp3"
FILM_SECONDS: Final = 600
RECORDING_SECONDS: Final = 300
MARK_SECONDS: Final = 30
_SCENE_SECONDS: Final = 75
_SIZE: Final = (160, 90)
_FRAMES_PER_SECOND: Final = 2
_RATE: Final = 16_000
_LOWEST_HERTZ: Final = 300
_PAUSE_SAMPLES, _TONE_SAMPLES = _RATE // 5, _RATE // 2
_LOUD: Final = 9000
_FILM_BITS, _SOUND_BITS = 12_000, 24_000
_COLOURS: Final = ("#1f4e79", "#2e6b4f", "#b3541e", "#5b3a8c", "#8c1c3a", "#2b7a78")


def make_long_media(folder: Path) -> dict[str, Path]:
    """Return both files by name. Raises OSError and av.FFmpegError."""
    folder.mkdir(parents=True, exist_ok=True)
    return {FILM: _film(folder / FILM), RECORDING: _recording(folder / RECORDING)}


def film_marks() -> tuple[tuple[str, float], ...]:
    """What the film shows, and at which second for the first time."""
    return tuple((clock_words(second), float(second)) for second in range(0, FILM_SECONDS, MARK_SECONDS))


def recording_marks() -> tuple[tuple[str, float], ...]:
    """What sounds in the recording, and at which second."""
    seconds = range(0, RECORDING_SECONDS, MARK_SECONDS)
    return tuple((f"{_LOWEST_HERTZ + second} Hz", float(second)) for second in seconds)


def _film(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        options = {"g": str(4 * _FRAMES_PER_SECOND), "preset": "ultrafast", "tune": "stillimage"}
        video = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options=options)
        video.width, video.height, video.pix_fmt, video.bit_rate = *_SIZE, "yuv420p", _FILM_BITS
        audio = container.add_stream("aac", rate=_RATE, layout="mono")
        audio.bit_rate = _SOUND_BITS
        for second in range(FILM_SECONDS):
            for tick in range(second * _FRAMES_PER_SECOND, (second + 1) * _FRAMES_PER_SECOND):
                frame = av.VideoFrame.from_image(_picture(second, tick))  # type: ignore[no-untyped-call]
                frame.pts, frame.time_base = tick, Fraction(1, _FRAMES_PER_SECOND)
                container.mux(video.encode(frame))
            container.mux(audio.encode(_sound(second)))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path


def _recording(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        audio = container.add_stream("libmp3lame", rate=_RATE, layout="mono")
        audio.bit_rate = _SOUND_BITS
        for second in range(RECORDING_SECONDS):
            container.mux(audio.encode(_sound(second)))
        container.mux(audio.encode())
    return path


def _picture(second: int, tick: int) -> Image.Image:
    """The scene, with a disc that crosses it."""
    picture = _scene(second // _SCENE_SECONDS, second // MARK_SECONDS * MARK_SECONDS).copy()
    left = tick * 3 % (_SIZE[0] + 12) - 12
    ImageDraw.Draw(picture).ellipse((left, 62, left + 12, 74), fill="#f4d35e")
    return picture


@cache
def _scene(number: int, marked_second: int) -> Image.Image:
    width, height = _SIZE
    picture = Image.new("RGB", _SIZE, _COLOURS[number % len(_COLOURS)])
    pen = ImageDraw.Draw(picture)
    cells = strip_of(marked_second)
    for at, bright in enumerate(cells):
        sides = (at * width / len(cells), 0, (at + 1) * width / len(cells) - 1, height // HEIGHT_SHARE)
        pen.rectangle(sides, fill="white" if bright else "black")
    pen.text((width / 2, 40), clock_words(marked_second), fill="white", anchor="mm", font=ImageFont.load_default(28))
    return picture


def _sound(second: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=_RATE)
    frame.planes[0].update(_tone(second) if second % MARK_SECONDS == 0 else bytes(2 * _RATE))
    frame.sample_rate, frame.pts, frame.time_base = _RATE, second * _RATE, Fraction(1, _RATE)
    return frame


def _tone(second: int) -> bytes:
    hertz = _LOWEST_HERTZ + second
    wave = [round(_LOUD * math.sin(2 * math.pi * hertz * at / _RATE)) for at in range(_TONE_SAMPLES)]
    # Not at once: an encoder swallows a part of what it begins with.
    return array("h", [*[0] * _PAUSE_SAMPLES, *wave, *[0] * (_RATE - _PAUSE_SAMPLES - _TONE_SAMPLES)]).tobytes()
