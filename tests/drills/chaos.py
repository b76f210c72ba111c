"""Drill: N requests through three workers while workers are killed, told to end and started at random, all the time.

Demanded: nothing lost, duplicates byte-identical, and no call beyond one a request but those that a kill left open or a
drain cut off: joins, leaves and rebalances add none.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from tests.drills.accounting import Counters, common_faults, fleet_faults
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.telling import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Fleet

SIZES = {"small": {"requests": 500, "events": 10}, "full": {"requests": 10_000, "events": 200}}
WORKERS = 3
_SLOW = "slowly"
_KILLS_SHARE = 0.7
_PAUSE_SECONDS = (1.0, 4.0)
_UNDER_WAY_SECONDS = (0.2, 1.5)


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: requests, events."""
    dice = random.Random(seed)
    names = ids_of("chaos", size["requests"])
    requests = [request_of(name, marker=_SLOW if dice.random() < 0.2 else "") for name in names]
    # Short drains, so that some calls are cut off at their end.
    options = {"WORKER_DRAIN_SECONDS": "1", "WORKER_MAX_IN_FLIGHT": "32"}
    async with open_scene(stack, group="chaos", options=options) as scene:
        await scene.simulator.play(
            {"match": {"contains": _SLOW}, "do": {"first_token_seconds": 3.0, "chunk_seconds": 0.05}},
            first_token_seconds=0.3,
            chunk_seconds=0.01,
        )
        await scene.fleet.start_ready(WORKERS)
        events = size["events"]
        share = -(-len(requests) // (events + 1))
        await scene.publisher.publish(requests[:share])
        kinds = {"kill": 0, "terminate": 0}
        for number in range(1, events + 1):
            await asyncio.sleep(dice.uniform(*_PAUSE_SECONDS))
            await scene.publisher.publish(requests[number * share : (number + 1) * share])
            await asyncio.sleep(dice.uniform(*_UNDER_WAY_SECONDS))
            kinds[_strike(scene.fleet, dice)] += 1
            tell(f"  event {number}/{events}: {len(scene.ear.completions)} completions")
        await scene.until_heard(names)
        return {**await scene.tally(names), "kills": kinds["kill"], "terminations": kinds["terminate"]}


def _strike(fleet: Fleet, dice: random.Random) -> str:
    victim = dice.choice(fleet.active)
    kind = "kill" if dice.random() < _KILLS_SHARE else "terminate"
    if kind == "kill":
        fleet.kill(victim)
    else:
        fleet.terminate(victim)
    fleet.start()
    return kind


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    faults = common_faults(counters)
    allowed = counters["claims_open_at_kills"] + counters["calls_cut_at_drains"]
    if counters["paid_calls_beyond_one"] > allowed:
        faults.append(f"{counters['paid_calls_beyond_one']} calls beyond one a request; {allowed} claims were open")
    return faults + fleet_faults(counters)
