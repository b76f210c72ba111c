"""Drill: a long talk and a long film, twice: undisturbed, and with the worker killed when half of the segments are recorded.

Demanded: one completion each with what is shown and heard at its absolute second, usage = Σ attempts = what the
simulator counted, the worker's peak memory under `memory_mb`, and after the kill calls for unfinished segments only. The
film's pieces travel inline and the talk's by URL; of these nothing is left in the store or on disk, though it was killed.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from media_contracts import Identity
from tests.drills.accounting import Counters, common_faults, fleet_faults, succeeded_all
from tests.drills.footprint import MB, bytes_in, watched
from tests.drills.marked_media import heard_marks, make_film, make_talk, misplaced, shown_marks
from tests.drills.requests import SOURCE, request_of
from tests.drills.scene import open_scene
from tests.drills.scratch import catalogue
from tests.drills.telling import tell
from tests.processes import gone, until
from tests.system.harness import Bucket

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Member
    from tests.drills.scene import Scene

# No segment length at full size: the level's own.
SIZES = {
    "small": {"talk_seconds": 90, "film_seconds": 90, "mark_seconds": 10, "piece_seconds": 20, "memory_mb": 300},
    "full": {"talk_seconds": 1200, "film_seconds": 3600, "mark_seconds": 30, "piece_seconds": 0, "memory_mb": 300},
}
TALK, FILM = "talk", "film"
ROUNDS = ("whole", "killed")
_PART = re.compile(r"is part (\d+) of (\d+) of a longer one")
_NAME = re.compile(r"Say ([A-Za-z0-9-]+)\.")
_REDUCTION = "analysed in segments, one after the other"
_SEGMENT_KEY = re.compile(r"/segment-(\d+)\.json$")
_STUCK_SECONDS = 180.0
_INLINE_BYTES = 50_000
Part = tuple[str, int]
"""A request's id and one of its segments, from 1; 0 is the answer that is made of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """What there was when the worker died: parts recorded, and those that it had asked about and not recorded."""

    planned: frozenset[Part]
    recorded: frozenset[Part]
    in_flight: frozenset[Part]
    objects: int
    """Scratch objects that it left."""


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: talk_seconds, film_seconds, mark_seconds, piece_seconds (0: as shipped), memory_mb."""
    bucket, scratch = Bucket(stack), stack.directory / "tmp"
    scratch.mkdir()
    media_bytes = await asyncio.to_thread(_upload, bucket, stack.directory, size)
    cards = catalogue(stack.directory, seconds=size["piece_seconds"], inline_bytes={"audio": _INLINE_BYTES})
    options = {"MODEL_CATALOGUE_FILE": cards, "TMPDIR": str(scratch)}
    names = [f"{kind}-{nth}" for nth in ROUNDS for kind in (TALK, FILM)]
    async with open_scene(stack, group="long-media", options=options, keeps_data=True) as scene:
        # Answers take a while, so that a kill finds some segments recorded and some in mid-call.
        await scene.simulator.play(first_token_seconds=1.0)
        with watched(lambda: [member.pid for member in scene.fleet.active if member.running]) as peaks:
            [worker] = await scene.fleet.start_ready(1)
            await scene.publisher.publish(map(_request, names[:2]))
            await scene.until_heard(names[:2], stuck_seconds=_STUCK_SECONDS)
            tell("  heard undisturbed; now with a kill")
            await scene.publisher.publish(map(_request, names[2:]))
            kill = await _kill_half_way(scene, bucket, worker, names[2:])
            await scene.fleet.start_ready(1)
            await scene.until_heard(names[2:], stuck_seconds=_STUCK_SECONDS)
        counters = await scene.tally(names)
        calls = await scene.simulator.calls()
        return {
            **counters,
            "media_bytes": media_bytes,
            **_asked(_parts_asked(calls), kill, whole=names[:2]),
            "sent": dict(Counter(f"{part['type']} {part['delivery']}" for call in calls for part in call["parts"])),
            "scratch_objects_at_the_kill": kill.objects,
            "scratch_objects_left": len(bucket.keys("scratch/")),
            "scratch_files_left": bytes_in(scratch)[1],
            "undisturbed_tokens_counted": _tokens(calls, names[:2]),
            "undisturbed_tokens_told": sum(
                one["usage"]["total_tokens"] for name, one in scene.ear.data.items() if name in names[:2]
            ),
            "worker_peak_mb": round(peaks.worker_bytes / MB, 1),
            "memory_limit_mb": size["memory_mb"],
            "largest_child_peak_mb": round(peaks.child_bytes / MB, 1),
            "children_peak_mb": round(peaks.children_bytes / MB, 1),
            **_bills(scene, names),
            **_answers(scene, bucket, names, size=size),
        }


def _upload(bucket: Bucket, folder: Path, size: Mapping[str, int]) -> dict[str, int]:
    every = size["mark_seconds"]
    made = {
        TALK: (make_talk(folder / "talk.mp3", seconds=size["talk_seconds"], every=every), "audio/mpeg"),
        FILM: (make_film(folder / "film.mp4", seconds=size["film_seconds"], every=every), "video/mp4"),
    }
    for kind, (path, content_type) in made.items():
        bucket.client.fput_object("media", f"long-drill/{kind}", str(path), content_type=content_type)
    return {kind: path.stat().st_size for kind, (path, _) in made.items()}


def _request(name: str) -> dict[str, Any]:
    kind = name.partition("-")[0]
    medium = {"kind": "audio" if kind == TALK else "video", "bucket": "media", "key": f"long-drill/{kind}"}
    return request_of(name, media=[medium], profile="subtitles" if kind == TALK else "storyline")


async def _kill_half_way(scene: Scene, bucket: Bucket, worker: Member, names: Collection[str]) -> Kill:
    """Kill it once half of all segments are recorded, and look at what it leaves."""

    def half_way() -> bool:
        planned = _planned(bucket, names)
        return {name for name, _ in planned} == set(names) and 2 * len(_recorded(bucket, names)) >= len(planned)

    await until(lambda: asyncio.to_thread(half_way), seconds=_STUCK_SECONDS, what="half of the segments recorded")
    scene.fleet.kill(worker)
    await until(lambda: gone(worker.pid), seconds=10, what="a dead worker")
    asked = {part for part in _parts_asked(await scene.simulator.calls()) if part[0] in names}
    recorded = _recorded(bucket, names)
    found = Kill(
        planned=_planned(bucket, names),
        recorded=recorded,
        in_flight=frozenset(asked - recorded),
        objects=len(bucket.keys("scratch/")),
    )
    tell(f"  killed: {len(recorded)} of {len(found.planned)} recorded, {len(found.in_flight)} asked and not recorded")
    return found


def _prefix(name: str) -> str:
    whose = Identity(tenant="default", source=SOURCE, request_id=name, rerun=0)
    return f"ledger/default/{whose.completion_id()}/"


def _planned(bucket: Bucket, names: Collection[str]) -> frozenset[Part]:
    """Every part in the plans that lie in the ledger."""
    keys = [(name, f"{_prefix(name)}plan.json") for name in names]
    plans = [(name, bucket.read_json(key)) for name, key in keys if bucket.keys(key)]
    return frozenset((name, one["index"] + 1) for name, plan in plans for one in plan["segments"])


def _recorded(bucket: Bucket, names: Collection[str]) -> frozenset[Part]:
    """Every part that lies finished in the ledger."""
    return frozenset(
        (name, int(found[1]) + 1)
        for name in names
        for key in bucket.keys(_prefix(name))
        if (found := _SEGMENT_KEY.search(key)) and bucket.read_json(key)["outcome"] == "succeeded"
    )


def _parts_asked(calls: list[dict[str, Any]]) -> Counter[Part]:
    """How often each part was asked about, and 0 for the answer that is made of them, as the simulator saw it."""
    asked: Counter[Part] = Counter()
    for call in calls:
        words = "\n".join(call["texts"])
        name, part = _NAME.search(words), _PART.search(words)
        number = int(part[1]) if part else 0 if _REDUCTION in words else -1
        asked[(name[1] if name else "?", number)] += 1
    return asked


def _tokens(calls: list[dict[str, Any]], names: Collection[str]) -> int:
    """What the simulator reported of all calls of these requests."""
    return sum(
        call["usage"]["total_tokens"]
        for call in calls
        if call["usage"] and any((found := _NAME.search(text)) and found[1] in names for text in call["texts"])
    )


def _asked(asked: Counter[Part], kill: Kill, *, whole: Collection[str]) -> Counters:
    again = {part for part, times in asked.items() if times > 1}
    return {
        "segments_undisturbed": sum(number > 0 for name, number in asked if name in whole),
        "asked_again_undisturbed": sum(name in whole for name, _ in again),
        "calls_about_the_unknown": sum(times for (_, number), times in asked.items() if number < 0),
        "segments_of_the_killed": len(kill.planned),
        "recorded_at_the_kill": len(kill.recorded),
        "in_flight_at_the_kill": len(kill.in_flight),
        "recorded_asked_again": len(kill.recorded & again),
        "in_flight_asked_again": len(kill.in_flight & again),
        "others_asked_again": len({part for part in again - kill.recorded - kill.in_flight if part[0] not in whole}),
        "in_flight_asked_thrice": sum(asked[part] > 2 for part in kill.in_flight),
        "never_asked": len(kill.planned - set(asked)),
    }


def _bills(scene: Scene, names: Collection[str]) -> Counters:
    """What the completions say of their calls, held against itself; `scene.tally` holds it against the simulator."""
    data = {name: scene.ear.data[name] for name in names if name in scene.ear.data}
    sums = ("input_tokens", "output_tokens", "total_tokens", "calls")
    return {
        "segments": {name: len(one["segments"]) for name, one in data.items()},
        "coverage": sorted({one["coverage"] for one in data.values()}),
        "attempts": {
            name: dict(Counter(f"{call['kind']} {call['outcome']}" for call in one["attempts"]))
            for name, one in data.items()
        },
        "attempts_left_open": sum(call["outcome"] == "abandoned" for one in data.values() for call in one["attempts"]),
        "sums_that_differ": sum(
            one["usage"][field] != sum(call["usage"][field] for call in one["attempts"])
            for one in data.values()
            for field in sums
        ),
        "warnings": sorted({warning["code"] for one in data.values() for warning in one["warnings"]}),
    }


def _answers(scene: Scene, bucket: Bucket, names: Collection[str], *, size: Mapping[str, int]) -> Counters:
    every = size["mark_seconds"]
    heard = {kind: heard_marks(size[f"{kind}_seconds"], every=every) for kind in (TALK, FILM)}
    shown = shown_marks(size["film_seconds"], every=every)
    told, wrong = 0, []
    for name in names:
        data = scene.ear.data.get(name, {})
        result = data.get("result") or _referred(bucket, data.get("result_ref"))
        if result is None:
            wrong.append(f"{name} has no result")
            continue
        seconds = size[f"{name.partition('-')[0]}_seconds"]
        if name.startswith(TALK):
            checks = [(heard[TALK], result["cues"], "text")]
        else:
            checks = [(heard[FILM], result["transcript"], "content"), (shown, result["visible_text"], "text")]
            checks.append(((), result["storyline"], "description"))
        for marks, items, text in checks:
            told += len(marks)
            wrong += [f"{name}: {fault}" for fault in misplaced(marks, items, name=text, seconds=seconds)]
    return {"marks": told, "marks_misplaced": len(wrong), "misplaced": wrong[:10]}


def _referred(bucket: Bucket, reference: Mapping[str, str] | None) -> Any:
    return bucket.read_json(reference["key"], bucket=reference["bucket"]) if reference else None


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    # A claim may hold several open calls here: what the simulator never received is bounded by those.
    faults = common_faults({**counters, "claims_open_at_kills": counters["attempts_left_open"]})
    faults += [*fleet_faults(counters), *succeeded_all(counters)]
    zero = (
        *("asked_again_undisturbed", "recorded_asked_again", "others_asked_again", "in_flight_asked_thrice"),
        *("never_asked", "calls_about_the_unknown", "sums_that_differ", "marks_misplaced"),
        *("scratch_objects_left", "scratch_files_left"),
    )
    faults += [f"{name}: {counters[name]}" for name in zero if counters[name]]
    faults += counters["misplaced"][:3]
    if not 0 < counters["recorded_at_the_kill"] < counters["segments_of_the_killed"]:
        faults.append(f"{counters['recorded_at_the_kill']} of {counters['segments_of_the_killed']} were recorded")
    told, counted = counters["undisturbed_tokens_told"], counters["undisturbed_tokens_counted"]
    if told != counted or not told:
        faults.append(f"{told} tokens told without a kill, the simulator counted {counted}")
    if counters["estimated_calls"] != counters["attempts_left_open"]:
        faults.append(f"{counters['estimated_calls']} calls estimated, {counters['attempts_left_open']} left open")
    if counters["coverage"] != ["complete"]:
        faults.append(f"coverage: {counters['coverage']}")
    if not 0 < counters["worker_peak_mb"] < counters["memory_limit_mb"]:
        faults.append(f"a peak of {counters['worker_peak_mb']} MB, the limit is {counters['memory_limit_mb']}")
    if set(counters["sent"]) != {"audio url", "video inline"}:
        faults.append(f"sent: {counters['sent']}")
    if min(counters["segments"].values(), default=0) < 2:
        faults.append(f"segments: {counters['segments']}")
    return faults
