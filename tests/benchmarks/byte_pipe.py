"""N objects of one size, C at a time, in; memory and CPU of the byte pipe against download-encode-send out.

    python -m tests.benchmarks.byte_pipe [--objects 64] [--megabytes 7] [--concurrency 32] [--rounds 5]

Both ways run in this one run, each as a process of its own, in alternating order, from the embedded SeaweedFS to a sink
in another process. Linux only: the peak is VmHWM of /proc. What came of it: docs/decisions/0002-byte-pipe.md.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import orjson

from analysis_devstack.servers import MEDIA_BUCKET
from analysis_devstack.stack import start_stack
from analysis_worker.object_store import ObjectStore
from analysis_worker.settings import S3Settings
from analysis_worker.transport import build_client
from media_analysis.bucket import minio_client
from tests.benchmarks.byte_pipe_client import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from analysis_worker.values import StoredObject

ROOT: Final = Path(__file__).parents[2]
WAYS: Final = ("pipe", "whole")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What is sent: `objects` objects of `size_bytes`, `concurrency` at a time, `rounds` times each way."""

    objects: int
    size_bytes: int
    concurrency: int
    rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """One process's run; `growth_bytes` is its peak less what it held before the first measured byte."""

    peak_bytes: int
    growth_bytes: int
    cpu_seconds: float
    wall_seconds: float


Rounds = dict[str, list[Figures]]
"""Way → one entry a round, both ways in the same order."""


async def compare(environment: Mapping[str, str], load: Load, *, told: Callable[[str], None]) -> Rounds:
    """Upload, then send each way `rounds` times. :raises ValueError: when the ways differ on the wire."""
    settings = {name.removeprefix("S3_").lower(): environment[name] for name in environment if name.startswith("S3_")}
    store = {name: settings[name] for name in ("endpoint", "region", "access_key", "secret_key", "results_bucket")}
    objects = await _upload(store, load)
    rounds: Rounds = {way: [] for way in WAYS}
    async with _sink() as sink:
        task = {
            "objects": [asdict(stored) for stored in objects],
            "concurrency": load.concurrency,
            "store": store,
            "sink": sink,
        }
        for number in range(load.rounds):
            digests = []
            for way in WAYS if number % 2 == 0 else reversed(WAYS):
                ran = await _run(task | {"way": way})
                digests.append(ran.pop("digests"))
                growth_bytes = ran["peak_bytes"] - ran.pop("before_bytes")
                rounds[way].append(Figures(growth_bytes=growth_bytes, **ran))
                told(f"round {number + 1}: {way}: {rounds[way][-1]}")
            if digests[0] != digests[1]:
                raise ValueError("the two ways sent different bytes: they cannot be compared")
    return rounds


def table(rounds: Rounds) -> list[str]:
    """The figures as Markdown: min / median / max a way, and how many times more the whole costs than the pipe."""
    rows = [
        _row("peak RSS, MB", rounds, lambda figures: figures.peak_bytes / MEGABYTE),
        _row("growth of RSS, MB", rounds, lambda figures: figures.growth_bytes / MEGABYTE),
        _row("client CPU, s", rounds, lambda figures: figures.cpu_seconds),
        _row("wall, s", rounds, lambda figures: figures.wall_seconds),
    ]
    head = "| min / median / max | byte pipe | download-encode-send | ratio (median, min to max by round) |"
    return [head, "| --- | --- | --- | --- |", *rows]


def _row(name: str, rounds: Rounds, figure: Callable[[Figures], float]) -> str:
    pipe, whole = ([figure(figures) for figures in rounds[way]] for way in WAYS)
    ratios = [much / max(little, 1e-9) for little, much in zip(pipe, whole, strict=True)]
    return (
        f"| {name} | {_spread(pipe)} | {_spread(whole)} "
        f"| {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) |"
    )


def _spread(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.4g}" for value in (min(values), median(values), max(values)))


async def _upload(store: Mapping[str, str], load: Load) -> list[StoredObject]:
    """Put the objects and look at each as the worker does, so that its ETag is known."""
    settings = S3Settings(**store)  # type: ignore[arg-type]  # strings all
    body = os.urandom(load.size_bytes)
    keys = [f"byte-pipe/{load.size_bytes}/{number}" for number in range(load.objects)]

    def put() -> None:
        client = minio_client(settings)
        for number, key in enumerate(keys):
            # Objects differ, so that nothing on the way can be saved by their being the same.
            unlike = io.BytesIO(number.to_bytes(8, "big") + body[8:])
            client.put_object(MEDIA_BUCKET, key, unlike, load.size_bytes, content_type=CONTENT_TYPE)

    await asyncio.to_thread(put)
    async with build_client(connections=1, connect_seconds=10, read_seconds=60) as client:
        reader = ObjectStore(settings=settings, client=client)
        return [await reader.stat(MEDIA_BUCKET, key) for key in keys]


@asynccontextmanager
async def _sink() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *_python("tests.benchmarks.byte_pipe_sink"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the sink has no pipes")
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/"
    finally:
        process.stdin.close()  # the sink ends with its stdin
        await process.wait()


async def _run(task: dict[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *_python("tests.benchmarks.byte_pipe_client"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    answer, _ = await process.communicate(orjson.dumps(task))
    if process.returncode != 0:
        raise RuntimeError(f"the client ended with {process.returncode}; its traceback is above")
    result: dict[str, Any] = orjson.loads(answer)
    return result


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


async def _main(load: Load) -> None:
    with tempfile.TemporaryDirectory(prefix="byte-pipe-") as folder:
        async with start_stack(Path(folder), simulator=False) as stack:
            rounds = await compare(stack.environment, load, told=_say)
    for line in table(rounds):
        _say(line)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for people


def _arguments() -> Load:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--objects", type=int, default=64)
    parser.add_argument("--megabytes", type=float, default=7.0, help="size of one object; 1 MB is 10^6 bytes")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    return Load(
        objects=given.objects,
        size_bytes=int(given.megabytes * MEGABYTE),
        concurrency=given.concurrency,
        rounds=given.rounds,
    )


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
