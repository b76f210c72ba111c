"""Drill: analyses that take 20 times the longest interval between two polls that the group allows.

Demanded: no eviction. A member that was evicted, or left because it had not polled, joins again: a proxy before the
broker counts what is asked of the group once all members have joined.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.tcp_proxy import Passing, open_front
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack

SIZES = {
    "small": {"analyses": 16, "max_poll_interval_ms": 1_000},
    "full": {"analyses": 60, "max_poll_interval_ms": 10_000},
}
WORKERS = 2
IN_FLIGHT = 8
TIMES = 20


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: analyses, max_poll_interval_ms."""
    names = ids_of("poll", size["analyses"])
    seconds = TIMES * size["max_poll_interval_ms"] / 1000
    asked: Counter[str] = Counter()

    async def gate(passing: Passing) -> bool:
        if passing.phase == "before":
            asked[passing.request.name] += 1
        return True

    async with open_front(stack.environment, servers=("kafka",), gate=gate) as front:
        options = {
            **front.options,
            "KAFKA_MAX_POLL_INTERVAL_MS": str(size["max_poll_interval_ms"]),
            "WORKER_MAX_IN_FLIGHT": str(IN_FLIGHT),
            "MODEL_FIRST_TOKEN_SECONDS": str(2 * seconds),
        }
        async with open_scene(stack, group="poll", options=options) as scene:
            await scene.simulator.play(first_token_seconds=seconds)
            members = await scene.fleet.start_ready(WORKERS)
            for member in members:
                await until(lambda one=member: "assigned" in one.process.stderr, seconds=60, what="an assignment")
            before = Counter(asked)
            await scene.publisher.publish(map(request_of, names))
            await scene.until_heard(names, stuck_seconds=2 * seconds + 30)
            during = asked - before
            return {
                **await scene.tally(names),
                "analysis_seconds": seconds,
                "joins_and_leaves_while_working": during["JoinGroup"] + during["LeaveGroup"],
                "heartbeats_while_working": during["Heartbeat"],
            }


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    if counters["joins_and_leaves_while_working"]:
        faults.append(f"{counters['joins_and_leaves_while_working']} joins and leaves: a member was evicted")
    if not counters["heartbeats_while_working"]:
        faults.append("the proxy saw no heartbeat: it counts nothing")
    return faults
