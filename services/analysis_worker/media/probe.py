"""In: where a medium lies and the kind it is said to be. Out: `ProbedMedia`, or the rejection that fits.

Bytes of strangers are parsed only in child processes with memory, CPU and wall limits (law 9). The children are started
once and reused, because starting one costs more CPU than a hundred probes; the event loop only waits for pipes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, assert_never

from analysis_worker import errors
from analysis_worker.media.probed import ProbedMedia, join_frames

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from analysis_worker.cards import Kind

__all__ = [
    "HeadSource",
    "HeadTooShort",
    "PathSource",
    "ProbeLimits",
    "ProbePool",
    "ProbeSource",
    "ProbedMedia",
    "UrlSource",
    "child_environment",
    "join_frames",
    "probe",
    "rejection_of",
]

# The picture formats in use keep their sides within the first bytes; cameras put up to 64 KiB of EXIF in front.
HEAD_BYTES = 262_144


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadSource:
    """The first bytes of an object, or all of them; enough for pictures, for films only when whole."""

    index: int
    kind: Kind
    size_bytes: int
    head: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlSource:
    """A film or recording that the child reads by ranges; `headers` carry `If-Match`."""

    index: int
    kind: Kind
    size_bytes: int
    url: str = field(repr=False)  # its signature is a secret
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PathSource:
    """A local film or recording, for the command line."""

    index: int
    kind: Kind
    size_bytes: int
    path: Path


ProbeSource = HeadSource | UrlSource | PathSource


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeLimits:
    """What one child may use; the CPU limit holds per job, memory is address space."""

    memory_bytes: int = 1024**3
    cpu_seconds: int = 5
    wall_seconds: float = 20.0
    start_seconds: float = 30.0
    jobs_per_child: int = 500


class HeadTooShort(errors.MediaUndecodable):
    """The header goes on beyond the bytes given; give more of them, or a URL."""


_REJECTIONS: Final[Mapping[str, type[errors.AnalysisError]]] = {
    "mismatch": errors.MediaTypeMismatch,
    "short": HeadTooShort,
    "sides": errors.MediaDimensions,
    "missing": errors.MediaMissing,
    "changed": errors.MediaChanged,
    "unreachable": errors.StoreUnavailable,
}


async def probe(source: ProbeSource, *, pool: ProbePool) -> ProbedMedia:
    """What the bytes are, whatever the request says.

    Raises `MediaEmpty`, `MediaUndecodable` (also when the child died or ran out of time), `HeadTooShort`,
    `MediaTypeMismatch`; for a URL also `MediaMissing`, `MediaChanged` and `StoreUnavailable`; `ProbeUnavailable` when
    this machine cannot start a child.
    """
    where = f"media[{source.index}]"
    if source.size_bytes == 0:
        raise errors.MediaEmpty(f"{where} has no bytes; upload it again")
    job: dict[str, Any] = {"kind": source.kind, "size_bytes": source.size_bytes}
    match source:
        case HeadSource(head=head):
            answer = await pool.ask({**job, "from": "head"}, head)
        case UrlSource(url=url, headers=headers):
            answer = await pool.ask({**job, "from": "url", "address": url, "headers": dict(headers)}, b"")
        case PathSource(path=path):
            answer = await pool.ask({**job, "from": "path", "address": str(path)}, b"")
        case _:
            assert_never(source)
    if "facts" in answer:
        return ProbedMedia(index=source.index, kind=source.kind, size_bytes=source.size_bytes, **answer["facts"])
    raise rejection_of(answer["fault"], f"{where}: {answer['message']}")


def rejection_of(cause: str, message: str) -> errors.AnalysisError:
    """The rejection for a fault that a child named; also the cutter's children use those names."""
    if cause == "mismatch":
        message = f"{message}; correct the request's kind"
    return _REJECTIONS.get(cause, errors.MediaUndecodable)(message)


class ProbePool:
    """A few child processes that probe one job at a time each; use it as an async context manager.

    At most `children` jobs run at once, the rest wait their turn. A child that dies, hangs or has served its jobs is
    replaced when the next job needs it.
    """

    def __init__(self, *, children: int = 2, limits: ProbeLimits | None = None) -> None:
        self._limits = limits or ProbeLimits()
        self._turns = asyncio.Semaphore(children)
        self._children = children
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    async def __aenter__(self) -> Self:
        """Start every child now, so that a broken installation is found at start; raises `Stopped`."""
        started = await asyncio.gather(*(self._start() for _ in range(self._children)), return_exceptions=True)
        for fault in started:
            if isinstance(fault, BaseException):
                await self._end_all()
                raise errors.Stopped(str(fault)) if isinstance(fault, errors.ProbeUnavailable) else fault
        self._idle.extend(self._all)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_all()

    async def ask(self, job: Mapping[str, Any], head: bytes) -> dict[str, Any]:
        """One job's answer.

        :raises MediaUndecodable: when the child died of it or passed the wall limit.
        :raises ProbeUnavailable: when no child could be started, which is not the medium's fault.
        """
        limits = self._limits
        async with self._turns:
            child = await self._take()
            try:
                async with asyncio.timeout(limits.wall_seconds):
                    answer = await child.ask(
                        {**job, "head_bytes": len(head), "wall_seconds": limits.wall_seconds}, head
                    )
            except TimeoutError as fault:
                await self._end(child)
                raise errors.MediaUndecodable(
                    f"reading the media took longer than {limits.wall_seconds:g} s; convert it"
                ) from fault
            except (EOFError, OSError) as fault:
                await self._end(child)
                raise errors.MediaUndecodable(
                    f"reading the media ended the process that did it (exit {child.process.returncode}, "
                    f"limits {limits.memory_bytes:,} bytes, {limits.cpu_seconds} s CPU); convert it"
                ) from fault
            except BaseException:
                # Cancelled in mid-job: its answer would be taken for the next job's.
                await self._end(child)
                raise
            if child.jobs < limits.jobs_per_child:
                self._idle.append(child)
            else:
                await self._end(child)
            return answer

    async def _take(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.process.returncode is None:
                return child
            self._all.discard(child)
        return await self._start()

    async def _start(self) -> _Child:
        limits = self._limits
        try:
            child = _Child(await _spawn(limits))
        except OSError as fault:  # EAGAIN, ENOMEM, EMFILE
            raise errors.ProbeUnavailable(
                f"the probe's child process cannot be started ({fault}): raise the machine's limits on memory,"
                " processes or open files"
            ) from fault
        self._all.add(child)
        try:
            async with asyncio.timeout(limits.start_seconds):
                await child.read()
        except (TimeoutError, EOFError, OSError) as fault:
            await self._end(child)
            raise errors.ProbeUnavailable(
                "the probe's child process does not start; install the `media` extra and give it "
                f"{limits.memory_bytes:,} bytes of address space"
            ) from fault
        except BaseException:
            await self._end(child)
            raise
        return child

    async def _end_all(self) -> None:
        await asyncio.gather(*(self._end(child) for child in tuple(self._all)))

    async def _end(self, child: _Child) -> None:
        self._all.discard(child)
        await child.end()


class _Child:
    """One process and the pipes to it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.jobs = 0

    async def ask(self, job: Mapping[str, Any], head: bytes) -> dict[str, Any]:
        if self.process.stdin is None:
            raise EOFError
        self.jobs += 1
        self.process.stdin.write(json.dumps(job).encode() + b"\n" + head)
        await self.process.stdin.drain()
        return await self.read()

    async def read(self) -> dict[str, Any]:
        line = b"" if self.process.stdout is None else await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        # Also reads what is left of the pipes, so that their transports close now and not at collection.
        await asyncio.shield(self.process.communicate())


async def _spawn(limits: ProbeLimits) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "analysis_worker.media.probe_child", str(limits.memory_bytes), str(limits.cpu_seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,  # a terminal's Ctrl-C is for the worker, which drains first
    )


def child_environment() -> dict[str, str]:
    """What Python needs and nothing else: keys of the store and of the model stay here."""
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUTF8": "1"}
