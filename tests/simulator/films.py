"""Colours, seconds and pitches in; films with a clock strip and recordings with bursts of sound, as bytes, out."""

from __future__ import annotations

import io
import math
from array import array
from fractions import Fraction
from functools import cache

import av
from PIL import Image, ImageDraw

from model_simulator.clock_strip import CELLS, strip_of

RATE = 16_000
COLOURS = ("darkgreen", "navy", "orange", "teal", "purple")


@cache
def film(*, seconds: int = 30, first: int = 0, scene_seconds: int = 8, fps: int = 5, form: str = "mp4") -> bytes:
    """A film that shows the seconds from `first` on in its strip, every fifth one, and sounds as `beeps` does."""
    held = io.BytesIO()
    with av.open(held, "w", format=form) as container:
        video = container.add_stream("libx264", rate=fps, options={"g": "10", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for second in range(seconds):
            picture = av.VideoFrame.from_image(_picture(first + second, scene_seconds))
            for tick in range(fps):
                picture.pts, picture.time_base = second * fps + tick, Fraction(1, fps)
                container.mux(video.encode(picture))
            container.mux(audio.encode(_beep(second, first)))
        container.mux(video.encode())
        container.mux(audio.encode())
    return held.getvalue()


@cache
def beeps(*, seconds: int = 30, first: int = 0) -> bytes:
    """A recording of silence with half a second of sound at each tenth second, whose pitch is 300 Hz and the seconds."""
    held = io.BytesIO()
    with av.open(held, "w", format="wav") as container:
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for second in range(seconds):
            container.mux(audio.encode(_beep(second, first)))
        container.mux(audio.encode())
    return held.getvalue()


def _picture(second: int, scene_seconds: int) -> Image.Image:
    picture = Image.new("RGB", (96, 64), COLOURS[second // scene_seconds % len(COLOURS)])
    pen = ImageDraw.Draw(picture)
    for at, cell in enumerate(strip_of(second // 5 * 5)):
        width = 96 // CELLS
        pen.rectangle((at * width, 0, at * width + width - 1, 7), fill="white" if cell else "black")
    pen.rectangle((second * 7 % 80, 40, second * 7 % 80 + 9, 49), fill="white")
    return picture


def _beep(second: int, first: int) -> av.AudioFrame:
    hertz = 300 + first + second
    loud = RATE // 2 if (first + second) % 10 == 0 else 0
    wave = [round(9000 * math.sin(2 * math.pi * hertz * at / RATE)) for at in range(loud)]
    frame = av.AudioFrame(format="s16", layout="mono", samples=RATE)
    frame.planes[0].update(array("h", [*wave, *[0] * (RATE - loud)]).tobytes())
    frame.sample_rate, frame.pts, frame.time_base = RATE, second * RATE, Fraction(1, RATE)
    return frame
