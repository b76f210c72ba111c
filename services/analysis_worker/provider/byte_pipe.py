"""Byte segments with holes for media in, the bytes of one request body out; media is base64-encoded while it is sent.

The length is known before the first byte, so that the body goes out with a Content-Length and the peak of memory is a
few chunks, whatever the size of the media (law 8, and the measurement in DESIGN.md §5).
"""

from __future__ import annotations

import binascii
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from analysis_worker.errors import MediaChanged

# A multiple of 3, so that a slice needs no padding. A store's chunk may be larger than we want to hold twice.
_SLICE_BYTES: Final = 192 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaHole:
    """A place in a body where the base64 of `size_bytes` bytes goes.

    `index` is that of the media in the request, `part` that of the picture within a list of frames.
    """

    index: int
    part: int = 0
    size_bytes: int


OpenMedia = Callable[[MediaHole], AsyncIterable[bytes]]
"""Gives the bytes for a hole, in chunks of any size. Whoever opened them closes them: the transport may drop a body
half read and close its generator late (conventions.md §3.9).
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestBody:
    """One body, to be sent any number of times: fixed segments and holes, in order."""

    # May hold presigned URLs and prompts: never in a log (law 9).
    segments: tuple[bytes | MediaHole, ...] = field(repr=False)

    @property
    def content_length(self) -> int:
        """Return the length of the whole body in bytes, media included."""
        return sum(
            encoded_length(segment.size_bytes) if isinstance(segment, MediaHole) else len(segment)
            for segment in self.segments
        )

    @property
    def holes(self) -> tuple[MediaHole, ...]:
        """Return the holes in the order in which they are filled."""
        return tuple(segment for segment in self.segments if isinstance(segment, MediaHole))

    async def chunks(self, open_media: OpenMedia) -> AsyncIterator[bytes]:
        """Yield the body, `content_length` bytes in all; one medium is open at a time.

        Raises `MediaChanged` when a medium has more or fewer bytes than its hole was made for, and whatever
        `open_media` raises.
        """
        for segment in self.segments:
            if isinstance(segment, MediaHole):
                async for encoded in encode(open_media(segment), hole=segment):
                    yield encoded
            else:
                yield segment


def encoded_length(size_bytes: int) -> int:
    """Return the length of the base64 (with padding) of that many bytes."""
    return (size_bytes + 2) // 3 * 4


async def encode(media: AsyncIterable[bytes], *, hole: MediaHole) -> AsyncIterator[bytes]:
    """Yield the base64 of the chunks, the same as that of all of them in one piece; raises `MediaChanged`.

    Never yields more than the hole takes: the surplus is noticed before it is sent.
    """
    carry = b""
    seen_bytes = 0
    async for chunk in media:
        seen_bytes += len(chunk)
        if seen_bytes > hole.size_bytes:
            raise _changed(hole, f"more than the {hole.size_bytes} bytes")
        for piece in _slices(chunk):
            whole = carry + piece
            border = len(whole) - len(whole) % 3
            carry = whole[border:]
            if border:
                yield binascii.b2a_base64(whole[:border], newline=False)
    if seen_bytes < hole.size_bytes:
        raise _changed(hole, f"only {seen_bytes} of the {hole.size_bytes} bytes")
    if carry:
        yield binascii.b2a_base64(carry, newline=False)


def _slices(chunk: bytes) -> tuple[bytes, ...]:
    if len(chunk) <= _SLICE_BYTES:
        return (chunk,)
    return tuple(chunk[start : start + _SLICE_BYTES] for start in range(0, len(chunk), _SLICE_BYTES))


def _changed(hole: MediaHole, found: str) -> MediaChanged:
    return MediaChanged(f"media[{hole.index}] gave {found} that the plan saw: it changed meanwhile, plan it anew")
