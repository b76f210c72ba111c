"""Drill: N requests through three workers while workers are killed, told to end and started at random, all the time.

Demanded: nothing lost, duplicates byte-identical, and no call beyond one a request but those that a kill left open or a
drain cut off: joins, leaves and rebalances add none.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from tests.drills.accounting import Counters, common_faults, count, count_starts
from tests.drills.call_book import open_book
from tests.drills.ear import open_ear
from tests.drills.fleet import open_fleet
from tests.drills.ledger_view import view_ledger
from tests.drills.patience import until_all_heard
from tests.drills.requests import Publisher, ids_of, request_of
from tests.drills.telling import tell
from tests.system.harness import Simulator

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
    await Simulator(stack).play(
        {"match": {"contains": _SLOW}, "do": {"first_token_seconds": 3.0, "chunk_seconds": 0.05}},
        first_token_seconds=0.3,
        chunk_seconds=0.01,
    )
    names = ids_of("chaos", size["requests"])
    requests = [request_of(name, marker=_SLOW if dice.random() < 0.2 else "") for name in names]
    publisher = Publisher(stack)
    # Short drains, so that some calls are cut off at their end.
    options = {"WORKER_DRAIN_SECONDS": "1", "WORKER_MAX_IN_FLIGHT": "32"}
    with open_ear(stack) as ear:
        async with open_fleet(stack, group="chaos", options=options) as fleet, open_book(stack) as book:
            await fleet.start_ready(WORKERS)
            events = size["events"]
            share = -(-len(requests) // (events + 1))
            await publisher.publish(requests[:share])
            kinds = {"kill": 0, "terminate": 0}
            for number in range(1, events + 1):
                await asyncio.sleep(dice.uniform(*_PAUSE_SECONDS))
                await publisher.publish(requests[number * share : (number + 1) * share])
                await asyncio.sleep(dice.uniform(*_UNDER_WAY_SECONDS))
                kinds[_strike(fleet, dice)] += 1
                tell(f"  event {number}/{events}: {len(ear.completions)} completions")
            await until_all_heard(ear, set(names), fleet=fleet)
            crashed = len(fleet.crashed)
            await fleet.end()
            await book.write_up()
            view = await view_ledger(stack)
            return {
                **count(names, ear=ear, book=book),
                **count_starts(view, fleet.members),
                "kills": kinds["kill"],
                "terminations": kinds["terminate"],
                "workers_started": len(fleet.members),
                "workers_that_crashed": crashed,
                "bad_exit_codes": sum(code not in {0, None} for code in fleet.exit_codes()),
            }


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
    for name in ("starts_without_a_death", "workers_that_crashed", "bad_exit_codes", "dead_letters"):
        if counters[name]:
            faults.append(f"{name}: {counters[name]}")
    return faults
