"""Builds films and recordings for the tests: each picture's grey tells its second, each second of sound its pitch."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from functools import cache

import av

GREY_STEP = 8
RATE = 16_000


def film(
    path,
    *,
    seconds=20,
    fps=10,
    size=(64, 48),
    key_every=None,
    codec="libx264",
    sound="aac",
    rate=RATE,
    rotation=0,
    gaps=(),
    **out,
):
    """A film whose pictures are of grey `GREY_STEP * second`, with a key frame every so many seconds.

    `gaps` are ticks that have no picture.
    """
    with av.open(str(path), "w", **out) as container:
        keys = {} if key_every is None else {"g": str(int(key_every * fps)), "sc_threshold": "0"}
        video = container.add_stream(codec, rate=fps, options=keys)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        if rotation:
            video.set_display_rotation(rotation)
        audio = container.add_stream(sound, rate=rate, layout="mono") if sound else None
        for second in range(math.ceil(seconds)):
            for tick in range(second * fps, min((second + 1) * fps, int(seconds * fps))):
                if tick not in gaps:
                    container.mux(video.encode(picture(second, size, tick)))
            if audio is not None:
                container.mux(audio.encode(tone(second, form="s16", length=rate, rate=rate)))
        container.mux(video.encode())
        if audio is not None:
            container.mux(audio.encode())
    return path


def recording(path, *, seconds=20, codec="pcm_s16le", rate=RATE, **out):
    """A recording whose loudness rises with the second."""
    with av.open(str(path), "w", **out) as container:
        audio = container.add_stream(codec, rate=rate, layout="mono")
        for second in range(seconds):
            container.mux(audio.encode(tone(second, form="s16", length=rate, rate=rate)))
        container.mux(audio.encode())
    return path


def picture(second, size, pts):
    frame = av.VideoFrame(*size, "yuv420p")
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([128 if number else (16 + GREY_STEP * second) % 256]) * plane.buffer_size)
    frame.pts = pts
    return frame


def tone(second, *, form, length, rate=RATE):
    """A second of sound, louder from second to second."""
    frame = av.AudioFrame(format=form, layout="mono", samples=length)
    frame.planes[0].update(wave_of(3000 + 500 * (second % 40), length, rate))
    frame.sample_rate, frame.pts, frame.time_base = rate, second * length, Fraction(1, rate)
    return frame


@cache
def wave_of(loud, length, rate):
    values = (round(loud * math.sin(2 * math.pi * 440 * index / rate)) for index in range(length))
    return array("h", values).tobytes()


def pictures(path):
    """(seconds, second by the grey) of each picture."""
    with av.open(str(path)) as container:
        return [
            (float(frame.time), round((bytes(frame.reformat(format="yuv420p").planes[0])[0] - 16) / GREY_STEP))
            for frame in container.decode(video=0)
        ]


def sounds(path):
    """(start, end, loudness) of each block of sound, in seconds."""
    with av.open(str(path)) as container:
        return [
            (float(frame.time), float(frame.time) + frame.samples / frame.sample_rate, _peak(frame))
            for frame in container.decode(audio=0)
        ]


def _peak(frame):
    (block,) = av.AudioResampler(format="s16", layout="mono", rate=frame.sample_rate).resample(frame)[:1]
    values = array("h", bytes(block.planes[0])[: block.samples * 2])
    return max(map(abs, values), default=0)
