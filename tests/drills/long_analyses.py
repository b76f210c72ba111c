"""Drill: analyses over three workers that outlast five joins and leaves, without a kill.

Demanded: one paid call each: calls run on over a rebalance and are adopted, and who gets their records waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.telling import tell
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack

SIZES = {"small": {"analyses": 20, "joins": 5}, "full": {"analyses": 20, "joins": 5}}
WORKERS = 3


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: analyses, joins."""
    names = ids_of("long", size["analyses"])
    options = {
        "MODEL_FIRST_TOKEN_SECONDS": "900",  # the calls are held for as long as the joins and leaves take
        # Who leaves has nothing but other workers' calls to wait for.
        "WORKER_DRAIN_SECONDS": "1",
    }
    async with open_scene(stack, group="long", options=options) as scene:
        await scene.simulator.play({"match": {}, "do": {"fault": "hold"}})
        await scene.fleet.start_ready(WORKERS)
        await scene.publisher.publish(map(request_of, names))
        await until(lambda: _held(scene, len(names)), seconds=60, what="every call held")
        for number in range(1, size["joins"] + 1):
            [guest] = await scene.fleet.start_ready(1)
            await until(lambda guest=guest: _assigned(guest), seconds=60, what="an assignment of the guest")
            scene.fleet.terminate(guest)
            await guest.process.wait(seconds=60)
            tell(f"  join and leave {number} of {size['joins']}; {await _calls(scene)} calls")
        held = await scene.simulator.calls(lambda call: call["status"] == "held")
        await scene.simulator.play()
        await scene.simulator.release()
        await scene.until_heard(names)
        return {**await scene.tally(names), "joins": size["joins"], "held_to_the_end": len(held)}


async def _held(scene: Any, count: int) -> bool:
    return len(await scene.simulator.calls(lambda call: call["status"] == "held")) >= count


async def _calls(scene: Any) -> int:
    return len(await scene.simulator.calls())


def _assigned(member: Any) -> bool:
    return any(line.get("event") == "assigned" for line in member.process.log_lines())


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    if counters["held_to_the_end"] != counters["requests"]:
        faults.append(f"{counters['held_to_the_end']} of {counters['requests']} calls outlasted the joins and leaves")
    return faults
