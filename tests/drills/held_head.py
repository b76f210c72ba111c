"""Drill: the first request of a partition is held open, the others are fast; the worker is restarted in the middle.

Once by SIGTERM while half of the others are done, once by kill -9 when all are. Demanded: the fast ones are not redone.
Where the broker keeps commit metadata (Apache Kafka) not even their completions are published again; the embedded one
drops it, so there the claim is weaker: nothing is paid for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.drills.accounting import Counters, common_faults, fleet_faults, succeeded_all
from tests.drills.group_offsets import committed_offsets
from tests.drills.patience import pause
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack
    from tests.drills.scene import Scene

SIZES = {"small": {"requests": 500}, "full": {"requests": 1_000}}
_COMMIT_SECONDS = 0.2
_PARTITION = 3


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: requests, the held one included."""
    head, *fast = ids_of("head", size["requests"])
    options = {
        "MODEL_FIRST_TOKEN_SECONDS": "900",
        "WORKER_DRAIN_SECONDS": "5",
        "WORKER_COMMIT_SECONDS": str(_COMMIT_SECONDS),
    }
    async with open_scene(stack, group="head", options=options) as scene:
        # 32 of the 64 slots at once: half of them are done in some seconds.
        await scene.simulator.play(
            {"match": {"contains": f"Say {head}."}, "do": {"fault": "hold"}}, first_token_seconds=1.0
        )
        [first] = await scene.fleet.start_ready(1)
        await scene.publisher.publish(map(request_of, [head, *fast]), partition=_PARTITION)
        await until(lambda: scene.ear.heard_of(set(fast)) >= len(fast) // 2, seconds=120, what="half of the fast ones")
        scene.fleet.terminate(first)
        await first.process.wait(seconds=60)
        done_before_first = _publications(scene)
        [second] = await scene.fleet.start_ready(1)
        await scene.until_heard(fast)
        # The last of them have been committed, the head's call is on again.
        await until(lambda: _held(scene), seconds=60, what="the head's call")
        await pause(5 * _COMMIT_SECONDS)
        redone = {"after_sigterm": _again(scene, done_before_first)}
        done_before_second = _publications(scene)
        scene.fleet.kill(second)
        await scene.fleet.start_ready(1)
        await until(lambda: _held(scene, starts=3), seconds=90, what="the head's call after the kill")
        await scene.simulator.play()
        await scene.simulator.release()
        await scene.until_heard([head])
        redone["after_kill"] = _again(scene, done_before_second)
        await until(lambda: _past(scene, size["requests"]), seconds=60, what="a commit behind all of them")
        counters = await scene.tally([head, *fast])
        fast_calls = {name: sum(call.paid for call in scene.book.of(name)) for name in fast}
        return {
            **counters,
            "fast": len(fast),
            "fast_paid_calls": sum(fast_calls.values()),
            "fast_done_before_sigterm": len(done_before_first),
            "fast_published_again": redone,
            "keeps_commit_metadata": scene.keeps_commit_metadata,
        }


async def _held(scene: Scene, *, starts: int = 2) -> bool:
    calls = await scene.simulator.calls_with("Say head-000000.")
    return len(calls) >= starts and calls[-1]["status"] == "held"


async def _past(scene: Scene, count: int) -> bool:
    found = await committed_offsets(scene.stack, scene.fleet.group, partitions=12)
    return found.get(_PARTITION, 0) >= count


def _publications(scene: Scene) -> dict[str, int]:
    return {one.completion_id: one.publications for one in list(scene.ear.completions.values())}


def _again(scene: Scene, before: Mapping[str, int]) -> int:
    now = _publications(scene)
    return sum(now[completion_id] - number for completion_id, number in before.items())


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    if counters["fast_paid_calls"] != counters["fast"]:
        faults.append(f"{counters['fast_paid_calls']} paid calls for {counters['fast']} fast requests")
    if not 0 < counters["fast_done_before_sigterm"] < counters["fast"]:
        faults.append("the restart was not in the middle")
    again = counters["fast_published_again"]
    if counters["keeps_commit_metadata"] and any(again.values()):
        faults.append(f"fast ones were redone: {again}")
    return faults
