"""Pieces of a spoken answer in, one playable WAV file in scratch out: written while it streams, read once to store it.

The provider sends headerless PCM: 16 bits, mono, 24 kHz, though the format that is asked for is "wav" (provider.md §3). A
WAV header stands first and names the length, which is known last. Three ways were weighed:

- a header that leaves the length open (0 or 0xFFFFFFFF) could be streamed, but Python's `wave` and many players refuse
  it or show a wrong length: it is not playable everywhere;
- an S3 multipart upload whose first part, with the header, is sent last. Parts have at least 5 MiB (109 s of speech,
  S3 "Multipart upload limits"), so nearly every spoken answer is one part and waits for its end anyway, each call
  would hold 10 MiB in memory, and an upload that a crash leaves behind is paid for until somebody aborts it;
- this one: a nameless temporary file that takes each piece as it comes and gets its header last. Memory does not follow
  the length (law 8), a call that is made again begins anew at no cost, and only a whole answer reaches the bucket.
  The file has no name, so a crash leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from analysis_worker.cutting.scratch import ScratchSpace

SAMPLE_RATE_HZ: Final = 24_000
SAMPLE_BYTES: Final = 2
BYTES_PER_SECOND: Final = SAMPLE_RATE_HZ * SAMPLE_BYTES
HEADER_BYTES: Final = 44
CONTENT_TYPE: Final = "audio/wav"
MAX_SOUND_BYTES: Final = 2**32 - 1 - HEADER_BYTES
"""A WAV file counts in 32 bits: more than a day of speech."""
_READ_BYTES: Final = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class WavFacts:
    """A finished file: its size with the header, the hash of all its bytes, and how long it plays."""

    size_bytes: int
    sha256: str
    duration_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenFile:
    """A finished spoken answer."""

    file: WavFile
    facts: WavFacts


class SpeechLost(Exception):
    """The sound could not be kept: more than the bound, or the disk refused it."""


class WavFile:
    """One spoken answer; `write` never raises, because it is called from the middle of a stream that is worth keeping.

    Nothing lies on the disk before the first `begin`, and nothing beyond the room that was made; it is closed with the
    block.
    """

    def __init__(
        self, *, directory: Path | None = None, reserve: Callable[[int], Awaitable[int]] | None = None
    ) -> None:
        """`reserve` takes scratch space and returns how much it got; without it nothing is counted."""
        self._directory = directory
        self._reserve = reserve
        self._file: IO[bytes] | None = None
        self._max_bytes = 0
        self._lost: str | None = None
        self.sound_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def make_room(self, most_bytes: int) -> None:
        """Reserve scratch space for so many bytes of sound, once: what was got the first time holds for every call."""
        if not self._max_bytes:
            wanted = min(most_bytes, MAX_SOUND_BYTES)
            self._max_bytes = await self._reserve(wanted) if self._reserve else wanted

    def begin(self) -> None:
        """Forget what was written: a call is made, or made again."""
        self.sound_bytes, self._lost = 0, None
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - closed by close()
            self._file.seek(0)
            self._file.truncate()
            self._file.write(wav_header(0))
        except OSError as error:
            self._lost = _disk(error)

    def write(self, sound: bytes) -> None:
        """Take a piece of PCM, however it is cut."""
        if self._lost is not None or self._file is None:
            return
        if self.sound_bytes + len(sound) > self._max_bytes:
            self._lost = f"it has more than {self._max_bytes:,} bytes"
            return
        try:
            self._file.write(sound)
        except OSError as error:
            self._lost = _disk(error)
            return
        self.sound_bytes += len(sound)

    def finish(self) -> SpokenFile:
        """Write the header and return the file with its facts; half a sample at the end is left out.

        :raises SpeechLost: when there is no sound, or not all of it could be kept.
        """
        if self._lost is not None:
            raise SpeechLost(f"the spoken answer was not kept: {self._lost}")
        length = self.sound_bytes - self.sound_bytes % SAMPLE_BYTES
        if not length or self._file is None:
            raise SpeechLost("the model answered without a sound")
        try:
            self._file.truncate(HEADER_BYTES + length)
            self._file.seek(0)
            self._file.write(wav_header(length))
            self._file.flush()
        except OSError as error:
            raise SpeechLost(f"the spoken answer was not kept: {_disk(error)}") from error
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        facts = WavFacts(
            size_bytes=HEADER_BYTES + length,
            sha256=digest.hexdigest(),
            duration_seconds=length / BYTES_PER_SECOND,
        )
        return SpokenFile(file=self, facts=facts)

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the finished file from its beginning; it may be read again."""
        if self._file is None:
            return
        self._file.seek(0)
        while chunk := self._file.read(_READ_BYTES):
            yield chunk

    def close(self) -> None:
        """Give the space back."""
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take is not missed now
                self._file.close()


@asynccontextmanager
async def spoken_file(scratch: ScratchSpace, *, directory: Path | None = None) -> AsyncIterator[WavFile]:
    """A file whose room is a part of the scratch space until the block ends."""
    async with AsyncExitStack() as held:

        async def reserve(need_bytes: int) -> int:
            # What is more than all the space there is would be waited for for ever; the bound is rarely reached.
            need_bytes = min(need_bytes, scratch.total_bytes)
            await held.enter_async_context(scratch.reserved(need_bytes))
            return need_bytes

        yield held.enter_context(WavFile(directory=directory, reserve=reserve))


def wav_header(sound_bytes: int) -> bytes:
    """The 44 bytes before so many bytes of sound (Microsoft RIFF, "WAVE Audio File Format", PCM)."""
    form = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE_HZ, BYTES_PER_SECOND, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + sound_bytes, b"WAVE")
    return riff + struct.pack("<4sI", b"fmt ", len(form)) + form + struct.pack("<4sI", b"data", sound_bytes)


def _disk(error: OSError) -> str:
    return f"{error.strerror or error}: free the scratch space (TMPDIR) or give it more"
