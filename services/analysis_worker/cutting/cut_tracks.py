"""In: packets of one stream in the order of the file. Out: packets of the piece's stream, copied or encoded again.

Runs in the cutter's child process only. Instants are seconds on the source's own clock; `base` is the instant that
becomes the piece's zero.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av.error
from av import AudioFrame
from av.audio.resampler import AudioResampler

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_FRAMES_PER_SECOND: Final = 30
_AAC_RATES: Final = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_USUAL_RATE: Final = 44_100
# The index tells when a key frame is decoded, which may be some pictures before it is shown.
_KEY_TOLERANCE_SECONDS: Final = Fraction(1, 4)
_MOST_BROKEN_PACKETS: Final = 50


class CopiedTrack:
    """Packets as they are, moved by `base`."""

    def __init__(self, source: Any, out: Any, *, start: Fraction, end: Fraction) -> None:
        self.source = source
        self.is_over = self.has_begun = False
        self._out = out.add_stream_from_template(source)
        self._start, self._end = start, end

    def opens(self, packet: Any) -> bool:
        """Whether the piece may begin with this packet."""
        if not packet.is_keyframe or packet.pts is None:
            return False
        if self.source.type == "video":
            return self.instant(packet) > self._start - _KEY_TOLERANCE_SECONDS
        return bool(self.instant(packet) + (packet.duration or 0) * packet.time_base > self._start)

    def instant(self, packet: Any) -> Fraction:
        """When it is shown, or at least decoded."""
        return Fraction((packet.pts if packet.pts is not None else packet.dts) * packet.time_base)

    def take(self, packet: Any, base: Fraction) -> list[Any]:
        """The packet, moved, unless it lies outside."""
        instant = self.instant(packet)
        decoded = Fraction((packet.dts if packet.dts is not None else packet.pts) * packet.time_base)
        if decoded >= self._end:
            self.is_over = True
        # Pictures before the first key frame need one that is not there (open GOP).
        if self.is_over or instant < base:
            return []
        self.has_begun = True
        shift = round(base / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = self._out
        return [packet]

    def rest(self, base: Fraction, *, goes_on: bool) -> list[Any]:  # noqa: ARG002 - as the encoded tracks
        """Nothing is held back."""
        return []


class _EncodedTrack:
    """Frames from `start` on, encoded again."""

    def __init__(self, source: Any, stream: Any, *, start: Fraction, end: Fraction) -> None:
        self.source = source
        self.is_over = self.has_begun = False
        self._stream = stream
        self._start, self._end = start, end
        self._broken = 0

    def opens(self, packet: Any) -> bool:
        """Any packet may be the first: what is too early is left out when it is decoded."""
        return packet.pts is not None

    def instant(self, packet: Any) -> Fraction:
        """When it is shown, or at least decoded."""
        return Fraction((packet.pts if packet.pts is not None else packet.dts) * packet.time_base)

    def take(self, packet: Any, base: Fraction) -> list[Any]:
        """What the encoder gives for one packet."""
        return [] if self.is_over else list(self._encoded(self._decoded(packet), base))

    def rest(self, base: Fraction, *, goes_on: bool) -> list[Any]:
        """What decoder and encoder still hold; `goes_on` says that the medium has not ended before the piece."""
        held = [] if self.is_over else list(self._encoded(self._decoded(None), base))
        held += self._filled(base) if goes_on else []
        return [*held, *(self._stream.encode(None) if self.has_begun else [])]

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            frames = list(self.source.codec_context.decode(packet))
        except av.error.InvalidDataError:
            # One bad packet is no bad film, and after a seek the first ones may lack what they refer to.
            self._broken += 1
            if self._broken > _MOST_BROKEN_PACKETS:
                raise
            return []
        for frame in frames:
            if frame.time_base is None:  # PyAV takes it from the packet, and there is none at the end
                frame.time_base = self.source.time_base
        return frames

    def _encoded(self, frames: list[Any], base: Fraction) -> Iterator[Any]:
        for frame in frames:
            if frame.pts is None:
                continue
            if self._is_early(frame, base):
                self._pass(frame)
                continue
            if frame.pts * frame.time_base >= self._end:
                self.is_over = True
                return
            yield from self._encode(frame, base)

    def _is_early(self, frame: Any, base: Fraction) -> bool:
        return bool(frame.pts * frame.time_base < base)

    def _pass(self, frame: Any) -> None:
        """Told of every frame before the piece."""

    def _filled(self, base: Fraction) -> list[Any]:  # noqa: ARG002 - of pictures alone
        """What is to be seen where nothing came."""
        return []

    def _encode(self, frame: Any, base: Fraction) -> list[Any]:
        raise NotImplementedError


class EncodedFilm(_EncodedTrack):
    """H.264 of at most `pixels` a picture and about `bits` a second."""

    def __init__(self, source: Any, out: Any, *, start: Fraction, end: Fraction, pixels: int, bits: int) -> None:
        rate = Fraction(source.average_rate or source.guessed_rate or _MOST_FRAMES_PER_SECOND)
        self._rate = min(max(rate, Fraction(1)), Fraction(_MOST_FRAMES_PER_SECOND)).limit_denominator(1001)
        options = {"preset": "veryfast", "crf": "26", "maxrate": str(bits), "bufsize": str(bits * 2)}
        stream = out.add_stream("libx264", rate=self._rate, options=options)
        context = source.codec_context
        stream.width, stream.height = self._size = _fitted(context.width, context.height, pixels)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = context.thread_count = 1  # each thread holds pictures of its own
        super().__init__(source, stream, start=start, end=end)
        self._last: int | None = None
        self._seen: Any = None

    def _pass(self, frame: Any) -> None:
        self._seen = frame

    def _encode(self, frame: Any, base: Fraction) -> list[Any]:
        tick = round((frame.pts * frame.time_base - base) * self._rate)
        if self._last is not None and tick <= self._last:
            return []  # of pictures that come faster than the rate the first is kept
        before = self._picture(0) if self._last is None and tick > 1 and self._seen is not None else []
        self._seen = frame
        return [*before, *self._picture(tick)]

    def _filled(self, base: Fraction) -> list[Any]:
        """The picture that was there before, where none came, and the last one again where it stands to the end.

        Slides stand for minutes, with no picture in between.
        """
        stands, end = self.is_over or self._last is None, int((self._end - base) * self._rate) - 1
        packets = self._picture(0) if self._last is None and self._seen is not None else []
        if self._last is not None and stands and end - self._last > self._rate:
            packets += self._picture(end)
        return packets

    def _picture(self, tick: int) -> list[Any]:
        """What was seen last, at that tick."""
        frame = self._seen
        if not self.has_begun and frame.rotation:
            self._stream.set_display_rotation(frame.rotation)
        self._last, self.has_begun = tick, True
        small = frame.reformat(width=self._size[0], height=self._size[1], format="yuv420p")
        small.pts, small.time_base = tick, 1 / self._rate
        small.pict_type = 0  # the encoder decides, not the source
        return list(self._stream.encode(small))


class EncodedSound(_EncodedTrack):
    """AAC in a film, MP3 for a recording, of `bits` a second and at most two channels."""

    def __init__(self, source: Any, out: Any, *, start: Fraction, end: Fraction, muxer: str, bits: int) -> None:
        context = source.codec_context
        rate = context.sample_rate if context.sample_rate in _AAC_RATES else _USUAL_RATE
        layout = "mono" if context.channels == 1 else "stereo"
        stream = out.add_stream("libmp3lame" if muxer == "mp3" else "aac", rate=rate, layout=layout)
        stream.bit_rate = bits
        super().__init__(source, stream, start=start, end=end)
        self._plain = AudioResampler(format="s16", layout=layout, rate=rate)

    def _is_early(self, frame: Any, base: Fraction) -> bool:
        return bool(frame.pts * frame.time_base + Fraction(frame.samples, frame.sample_rate) <= base)

    def _encode(self, frame: Any, base: Fraction) -> list[Any]:
        self.has_begun = True
        packets = []
        for block in self._plain.resample(frame):
            trimmed = _trimmed(block, base, self._end)
            if trimmed is not None:
                packets += self._stream.encode(trimmed)
        return packets


Track = CopiedTrack | EncodedFilm | EncodedSound


def _fitted(width: int, height: int, pixels: int) -> tuple[int, int]:
    """Even sides of at most that area, in the same ratio."""
    scale = min(1.0, math.sqrt(pixels / (width * height)))
    return max(int(width * scale) // 2 * 2, 2), max(int(height * scale) // 2 * 2, 2)


def _trimmed(block: Any, base: Fraction, end: Fraction) -> Any:
    """What lies between the two instants of a block in s16, on the piece's clock; None when that is nothing."""
    rate = block.sample_rate
    at = round(block.pts * block.time_base * rate)
    first, last = max(round(base * rate) - at, 0), min(round(end * rate) - at, block.samples)
    if first >= last:
        return None
    sample_bytes = 2 * block.layout.nb_channels
    kept = AudioFrame(format="s16", layout=block.layout.name, samples=last - first)
    kept.planes[0].update(
        bytes(block.planes[0])[first * sample_bytes : last * sample_bytes].ljust(kept.planes[0].buffer_size, b"\0")
    )
    kept.sample_rate, kept.time_base = rate, Fraction(1, rate)
    kept.pts = at + first - round(base * rate)
    return kept
