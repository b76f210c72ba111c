"""Drill: heavy films at once through one worker whose scratch space is far less than their segments would take.

Demanded: every film ends in one completion, and the scratch folder and the scratch objects together never hold more than
`WORKER_SCRATCH_BYTES`, though more was asked for (reservations waited); nothing is left of either.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import httpx
from minio.commonconfig import CopySource

from tests.drills.accounting import Counters, common_faults, fleet_faults, succeeded_all
from tests.drills.footprint import MB, Peaks, bytes_in, watched
from tests.drills.marked_media import make_film, misplaced, shown_marks
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.telling import tell
from tests.processes import until
from tests.system.harness import Bucket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Member
    from tests.drills.scene import Scene

MIB = 1024 * 1024
# Two gigabytes are two binary ones here: what the model's card takes at most. No segment length: the level's own.
SIZES = {
    "small": {"films": 8, "film_bytes": 4 * MIB, "film_seconds": 40, "piece_seconds": 20, "scratch_bytes": 8 * MIB},
    "full": {
        "films": 8,
        "film_bytes": 2048 * MIB,
        "film_seconds": 3600,
        "piece_seconds": 0,
        "scratch_bytes": 4096 * MIB,
    },
}
MARK_SECONDS = {"small": 10, "full": 30}
_STUCK_SECONDS = 1200.0  # turns are fair: the first film may be done when nearly all are
_WAITING = re.compile(r"^media_analysis_scratch_waiting (\S+)$", re.MULTILINE)
_LOOK_SECONDS = 0.2
_INLINE_BYTES = 500_000  # so that the small size's pieces go by URL, as the others do anyway


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: films, film_bytes, film_seconds, piece_seconds (0: as shipped), scratch_bytes."""
    names = ids_of("film", size["films"])
    bucket, scratch = Bucket(stack), stack.directory / "tmp"
    scratch.mkdir()
    film_bytes = await asyncio.to_thread(_upload, bucket, stack.directory / "film.mp4", names, size=size, seed=seed)
    tell(f"  {len(names)} films of {film_bytes:,} bytes are in the store")
    options = {
        "TMPDIR": str(scratch),
        "WORKER_SCRATCH_BYTES": str(size["scratch_bytes"]),
        "WORKER_CLAIM_STALE_SECONDS": "30",  # as shipped: nobody is killed, and the store has much to do
        "MODEL_CATALOGUE_FILE": catalogue(
            stack.directory, seconds=size["piece_seconds"], inline_bytes={"video": _INLINE_BYTES}
        ),
    }
    async with open_scene(stack, group="scratch", options=options, keeps_data=True) as scene:
        await scene.simulator.play(first_token_seconds=0.3)
        [worker] = await scene.fleet.start_ready(1)
        with watched(lambda: [worker.pid], folder=scratch, listed=lambda: _listed(bucket)) as peaks:
            waiting = asyncio.create_task(_most_waiting(worker))
            await scene.publisher.publish(_request(name) for name in names)
            await scene.until_heard(names, stuck_seconds=_STUCK_SECONDS)
            await until(lambda: not bytes_in(scratch)[1], seconds=20, what="an empty scratch folder")
            waiting.cancel()
            waited = (await asyncio.gather(waiting, return_exceptions=True))[0]
        counters = await scene.tally(names)
        return {
            **counters,
            "film_bytes": film_bytes,
            "waiting_at_most": waited if isinstance(waited, int) else -1,
            **_told(peaks),
            "scratch_limit_bytes": size["scratch_bytes"],
            "scratch_files_left": bytes_in(scratch)[1],
            "scratch_objects_left": len(bucket.keys("scratch/")),
            **_answers(scene, names, size=size),
        }


def catalogue(folder: Path, *, seconds: int, inline_bytes: Mapping[str, int]) -> str:
    """A catalogue with that recommended length (0: as shipped), by which pieces of so many bytes must go by URL."""
    path = folder / "catalogue.toml"
    text = f"[details.standard]\nseconds = {{ video = {seconds}.0, audio = {seconds}.0 }}\n" if seconds else ""
    for kind, most in inline_bytes.items():
        text += f'[models."qwen3.5-omni-plus".media.{kind}]\nbytes_inline = {most}\n'
    path.write_text(text)
    return str(path)


def _upload(bucket: Bucket, path: Path, names: Sequence[str], *, size: Mapping[str, int], seed: int) -> int:
    """One film is made and put; the store copies it to the other keys by itself."""
    every = MARK_SECONDS["small" if size["piece_seconds"] else "full"]
    make_film(path, seconds=size["film_seconds"], every=every, size_bytes=size["film_bytes"], seed=seed)
    film_bytes = path.stat().st_size
    first, *others = (f"scratch-drill/{name}.mp4" for name in names)
    bucket.client.fput_object("media", first, str(path), content_type="video/mp4")
    path.unlink()
    for key in others:
        bucket.client.copy_object("media", key, CopySource("media", first))
    return film_bytes


def _request(name: str) -> dict[str, Any]:
    medium = {"kind": "video", "bucket": "media", "key": f"scratch-drill/{name}.mp4"}
    return request_of(name, media=[medium], profile="visible_text")


def _listed(bucket: Bucket) -> int:
    return sum(one.size or 0 for one in bucket.client.list_objects(bucket.results, "scratch/", recursive=True))


async def _most_waiting(worker: Member) -> int:
    """The most reservations that waited at one time, until this is cancelled."""
    most = 0
    try:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                found = _WAITING.search((await worker.process.get("/metrics")).text)
            except httpx.HTTPError:
                continue
            most = max(most, int(float(found[1])) if found else 0)
    except asyncio.CancelledError:
        return most


def _told(peaks: Peaks) -> Counters:
    return {
        "scratch_folder_peak_bytes": peaks.folder_bytes,
        "scratch_folder_peak_files": peaks.folder_files,
        "scratch_objects_peak_bytes": peaks.objects_bytes,
        "folder_and_objects_peak_bytes": peaks.both_bytes,
        "looks": peaks.looks,
        "worker_peak_mb": round(peaks.worker_bytes / MB, 1),
        "largest_child_peak_mb": round(peaks.child_bytes / MB, 1),
        "children_peak_mb": round(peaks.children_bytes / MB, 1),
        "children_at_once": peaks.children_at_once,
    }


def _answers(scene: Scene, names: Sequence[str], *, size: Mapping[str, int]) -> Counters:
    marks = shown_marks(size["film_seconds"], every=MARK_SECONDS["small" if size["piece_seconds"] else "full"])
    data = [scene.ear.data[name] for name in names if name in scene.ear.data]
    wrong = [
        f"{one['request_id']}: {fault}"
        for one in data
        if one["result"]
        for fault in misplaced(marks, one["result"]["texts"], name="text", seconds=size["film_seconds"])
    ]
    return {
        "segments": [sum(part["outcome"] == "succeeded" for part in one["segments"]) for one in data],
        "deliveries": sorted({part["delivery"] for one in data for part in one["media"]}),
        "answers_read": sum(bool(one["result"]) for one in data),
        "marks_each": len(marks),
        "marks_misplaced": len(wrong),
        "misplaced": wrong[:10],
    }


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    limit = counters["scratch_limit_bytes"]
    peaks = ("scratch_folder_peak_bytes", "scratch_objects_peak_bytes", "folder_and_objects_peak_bytes")
    faults += [f"{name}: {counters[name]:,} of {limit:,}" for name in peaks if not 0 < counters[name] <= limit]
    zero = ("scratch_files_left", "scratch_objects_left", "marks_misplaced")
    faults += [f"{name}: {counters[name]} {counters['misplaced'][:1]}" for name in zero if counters[name]]
    if counters["waiting_at_most"] < 1:
        faults.append("no reservation ever waited: the limit was not reached")
    if len(counters["segments"]) != counters["requests"] or min(counters["segments"], default=0) < 2:
        faults.append(f"segments: {counters['segments']}")
    if counters["answers_read"] != counters["requests"]:
        faults.append(f"{counters['answers_read']} of {counters['requests']} answers were read")
    if counters["paid_calls"] != sum(counters["segments"]):
        faults.append(f"{counters['paid_calls']} paid calls for {sum(counters['segments'])} segments")
    return faults
