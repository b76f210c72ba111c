"""In: a film or recording and the segment to cut out of it, or a picture. Out: a file on scratch space, or the fault.

Cutting runs in child processes with limits on memory, CPU, time and the size of the file (law 9); the event loop only
waits for them. Children read the source by ranges, so neither memory nor disk follows its size (law 8).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, assert_never

from analysis_worker import errors
from analysis_worker.media.probe import PathSource, UrlSource, child_environment, rejection_of

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping
    from pathlib import Path

    from analysis_worker.cards import Kind
    from analysis_worker.long_media.segments import Cut

FilmSource = UrlSource | PathSource
"""Where a film lies: `MediaStore.film_source` gives it."""

FILM_BITS: Final = 2_500_000
"""Bits a second of an encoded film, at most: far more than 2 pictures a second of 640 tokens show (provider.md §6)."""
SOUND_BITS: Final = 96_000
FRAME_PIXELS: Final = 921_600
"""720p: more than the model's default of 655,360 a frame."""
_ANSWER_BYTES: Final = 1024 * 1024


class CutTooLarge(errors.MediaTooLarge):
    """The piece has more bytes than were reserved for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutLimits:
    """What one child may use; CPU and time grow with the piece, time also with the bytes that may have to be read."""

    memory_bytes: int = 1536 * 1024**2
    picture_memory_bytes: int = 704 * 1024**2
    """Of one that encodes a picture, which is held decoded: 100 million pixels and what decodes them."""
    cpu_seconds: int = 30
    cpu_seconds_per_second: float = 4.0
    wall_seconds: float = 60.0
    bytes_per_second: float = 2_000_000.0
    """The slowest store that is waited for."""

    def memory_for(self, kind: Kind) -> int:
        """Bytes of address space for a medium of that kind."""
        return self.memory_bytes if kind in {"audio", "video"} else self.picture_memory_bytes

    def cpu_for(self, length_seconds: float) -> int:
        """CPU seconds for a piece of that length."""
        return self.cpu_seconds + int(self.cpu_seconds_per_second * length_seconds)

    def wall_for(self, length_seconds: float, size_bytes: int) -> float:
        """Seconds for a piece of that length out of so many bytes; twice its CPU, as it may share its core."""
        return self.wall_seconds + size_bytes / self.bytes_per_second + 2 * self.cpu_seconds_per_second * length_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmLook:
    """Where a medium may be cut by copying: seconds in order, null for anywhere; and whether it can be at all."""

    key_frames: tuple[float, ...] | None
    copies: bool
    duration_seconds: float | None = None
    """How long it is, where the probe could only guess it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutOrder:
    """One piece to be written to `path`, of at most `most_bytes`; bits and pixels bound what is encoded."""

    source: FilmSource
    start_seconds: float
    end_seconds: float
    cut: Cut
    path: Path
    most_bytes: int
    pixels_max: int = FRAME_PIXELS
    film_bits: int = FILM_BITS
    sound_bits: int = SOUND_BITS


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureOrder:
    """A picture, or one of a list of frames, to be written to `path` as a JPEG within these pixels and bytes."""

    source: FilmSource
    path: Path
    pixels_max: int
    most_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CutFile:
    """A piece on scratch space; `start_seconds` is where its zero lies in the medium, which an answer's times need."""

    path: Path
    format: str
    content_type: str
    size_bytes: int
    start_seconds: float


class Cutter:
    """Cuts at most `children` pieces at once, one picture among them; the rest wait their turn.

    Looks take turns of their own: planning must not wait for others' minutes of encoding.
    """

    def __init__(self, *, children: int = 2, limits: CutLimits | None = None) -> None:
        self._turns = asyncio.Semaphore(children)
        self._look_turns = asyncio.Semaphore(children)
        self._picture_turn = asyncio.Semaphore()
        self._limits = limits or CutLimits()

    async def look(self, source: FilmSource, *, step_seconds: float = 20.0) -> FilmLook:
        """Where it may be cut; without an index by looking every `step_seconds`.

        Raises what `cut` raises, but `CutTooLarge`.
        """
        job = {"step_seconds": step_seconds}
        facts = await self._run(source, job, turns=self._look_turns, length_seconds=0.0, out_bytes=0)
        keys = facts["key_frames"]
        return FilmLook(
            key_frames=None if keys is None else tuple(keys),
            copies=facts["copies"],
            duration_seconds=facts["duration_seconds"],
        )

    async def cut(self, order: CutOrder) -> CutFile:
        """Write the piece; no file is left behind when it fails.

        :raises CutTooLarge: when it takes more than `most_bytes`: reserve more and cut again.
        :raises MediaUndecodable: also when the child died or ran out of time.
        :raises MediaTypeMismatch: or, of a URL, `MediaMissing`, `MediaChanged`, `StoreUnavailable`.
        :raises ProbeUnavailable: when this machine cannot start a child.
        """
        job = {
            "start_seconds": order.start_seconds,
            "end_seconds": order.end_seconds,
            "cut": order.cut.value,
            "out": str(order.path),
            "out_bytes": order.most_bytes,
            "pixels_max": order.pixels_max,
            "film_bits": order.film_bits,
            "sound_bits": order.sound_bits,
        }
        length = order.end_seconds - order.start_seconds
        return await self._write(order, job, length_seconds=length)

    async def shrink(self, order: PictureOrder) -> CutFile:
        """Write the picture smaller, upright and with 8 bits a sample; no file is left behind when it fails.

        Raises what `cut` raises, and `MediaDimensions` for more pixels than are decoded.
        """
        job = {"out": str(order.path), "out_bytes": order.most_bytes, "pixels_max": order.pixels_max}
        async with self._picture_turn:
            return await self._write(order, job, length_seconds=0.0)

    async def _write(self, order: CutOrder | PictureOrder, job: Mapping[str, Any], *, length_seconds: float) -> CutFile:
        try:
            facts = await self._run(
                order.source, job, turns=self._turns, length_seconds=length_seconds, out_bytes=order.most_bytes
            )
        except BaseException:
            with suppress(FileNotFoundError):
                order.path.unlink()
            raise
        return CutFile(path=order.path, **facts)

    async def _run(
        self,
        source: FilmSource,
        job: Mapping[str, Any],
        *,
        turns: asyncio.Semaphore,
        length_seconds: float,
        out_bytes: int,
    ) -> dict[str, Any]:
        limits, where = self._limits, f"media[{source.index}]"
        wall_seconds = limits.wall_for(length_seconds, source.size_bytes)
        arguments = (limits.memory_for(source.kind), limits.cpu_for(length_seconds), out_bytes)
        known = {"kind": source.kind, "size_bytes": source.size_bytes, "wall_seconds": wall_seconds}
        line = json.dumps({**_place(source), **job, **known}) + "\n"
        async with turns:
            process = await _start(arguments)
            try:
                async with asyncio.timeout(wall_seconds):
                    said, _ = await process.communicate(line.encode())
            except TimeoutError as fault:
                raise errors.MediaUndecodable(f"{where}: cutting took over {wall_seconds:g} s; convert it") from fault
            finally:
                await _end(process)
        if not said.endswith(b"\n"):
            raise errors.MediaUndecodable(
                f"{where}: cutting ended the process that did it (exit {process.returncode}, limits {arguments[0]:,}"
                f" bytes, {arguments[1]} s CPU); convert it"
            )
        answer = json.loads(said)
        if "facts" in answer:
            facts: dict[str, Any] = answer["facts"]
            return facts
        if answer["fault"] == "space":
            raise CutTooLarge(f"{where}: {answer['message']}; raise WORKER_SCRATCH_BYTES or shorten the segments")
        raise rejection_of(answer["fault"], f"{where}: {answer['message']}")


def _place(source: FilmSource) -> dict[str, Any]:
    match source:
        case UrlSource(url=url, headers=headers):
            return {"from": "url", "address": url, "headers": dict(headers)}
        case PathSource(path=path):
            return {"from": "path", "address": str(path), "headers": {}}
        case _:
            assert_never(source)


async def _start(arguments: tuple[int, int, int]) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "analysis_worker.cutting.cut_child", *map(str, (*arguments, os.getpid()))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_ANSWER_BYTES,
            env=child_environment(),
            start_new_session=True,  # a terminal's Ctrl-C is for the worker, which drains first
        )
    except OSError as fault:  # EAGAIN, ENOMEM, EMFILE
        raise errors.ProbeUnavailable(
            f"the cutter's child process cannot be started ({fault}): raise the machine's limits on memory,"
            " processes or open files"
        ) from fault


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        # Also reads what is left of the pipes, so that their transports close now and not at collection.
        await asyncio.shield(process.communicate())
