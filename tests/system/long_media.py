"""Builds long media quickly, and reads out of the simulator's calls which parts of them were asked about."""

from __future__ import annotations

import io
import math
import re
import wave
from collections import Counter
from functools import cache

import av

from tests.worker.films import film

PART = re.compile(r"is part (\d+) of (\d+) of a longer one")
REDUCTION = "analysed in segments, one after the other"


@cache
def talk(seconds, *, beat=20, rate=8000):
    """A recording that sounds for a second every `beat` seconds, from the first on."""
    tone = b"".join(int(12_000 * math.sin(n * 2000 / rate)).to_bytes(2, "little", signed=True) for n in range(rate))
    silence = bytes(2 * rate)
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(b"".join(tone if second % beat == 0 else silence for second in range(seconds)))
    return data.getvalue()


def long_film(path, *, minutes=9):
    """A film of two small pictures a second with a key frame every four seconds: one minute, again and again."""
    minute = film(path.with_name("minute.mp4"), seconds=60, fps=2, key_every=4)
    with av.open(str(path), "w") as out, av.open(str(minute)) as first:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in first.streams}
        for number in range(minutes):
            with av.open(str(minute)) as source:
                for packet in source.demux():
                    if packet.dts is None:
                        continue
                    shift = round(61 * number / packet.time_base)  # decoded before they are shown, packets would meet
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
    return path.read_bytes()


async def asked(simulator, marker):
    """How often each part was asked about, and `0` for the answer that is made of them; marked in the instruction."""
    found = Counter()
    for call in await simulator.calls_with(marker):
        words = "\n".join(call["texts"])
        part = PART.search(words)
        found[int(part[1]) if part else 0 if REDUCTION in words else None] += 1
    return found


def sums(usages):
    """Input and output tokens and calls of several usages."""
    listed = list(usages)
    return tuple(sum(getattr(one, name) for one in listed) for name in ("input_tokens", "output_tokens", "calls"))
