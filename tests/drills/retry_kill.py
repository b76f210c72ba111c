"""Drill: kill -9 between the broker's acknowledgement of retry copies and the commit of their originals.

A proxy before the broker counts the copies that were acknowledged and holds back every later commit; the worker dies
before the last acknowledgement reaches it, so that some copies were known to be safe and one was not. A head that is
due in an hour lies in the last retry topic all the while. Demanded: one paid call and one completion id each, although
original and copy are both delivered, and the head delays nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from media_contracts import headers
from media_contracts.topics import REQUESTED, RETRY_TOPICS
from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.group_offsets import committed_offsets
from tests.drills.patience import until_still
from tests.drills.requests import EVENT_HEADERS, ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.tcp_proxy import Passing, open_front
from tests.drills.telling import tell
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Fleet, Member
    from tests.drills.scene import Scene

SIZES = {"small": {"rounds": 1}, "full": {"rounds": 10}}
_FIRST, *_, _LAST = (name for name, _ in RETRY_TOPICS)
_PARTITIONS = 12
_TROUBLE = "in trouble"
# A fault that counts as a try (an outage, 503, would be waited for) and costs nothing.
_REFUSED = {
    "match": {"contains": _TROUBLE},
    "do": {"fault": "error", "error": {"status": 500, "code": "SystemError", "message": "try again later"}},
}
# One request of a round for each: a breaker belongs to a model, and what finds it open waits for its turn instead of
# using up the tries that lead to a retry topic.
MODELS = ("qwen3.5-omni-plus", "qwen3.5-omni-flash", "qwen3.8-omni-flash", "qwen3-omni-flash", "qwen-omni-turbo")


@dataclass(kw_only=True)
class Trap:
    """The gate of one round: no commit passes once a copy is on its way, and the last acknowledgement kills."""

    names: frozenset[str]
    fleet: Fleet
    victim: Member | None = None
    acknowledged: set[str] = field(default_factory=set)
    commits_held_back: int = 0
    struck: bool = False

    async def gate(self, passing: Passing) -> bool:
        """See tcp_proxy."""
        if self.struck or self.victim is None:
            return not self.struck
        if passing.request.name == "OffsetCommit" and passing.phase == "before":
            self.commits_held_back += 1
            return False
        if passing.request.name == "Produce" and passing.phase == "after":
            sent = passing.request.data
            self.acknowledged |= {name for name in self.names if _FIRST.encode() in sent and name.encode() in sent}
            if self.acknowledged == self.names:
                self.struck = True
                self.fleet.kill(self.victim)
                return False
        return True


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: rounds, of one kill each."""
    names = ids_of("retry", size["rounds"] * len(MODELS))
    beside = ids_of("beside", size["rounds"] * len(MODELS))
    async with open_scene(stack, group="retry-kill") as scene:
        [head] = ids_of("head", 1)
        await _publish_head(scene, head)
        kills = []
        for number in range(size["rounds"]):
            share = slice(number * len(MODELS), (number + 1) * len(MODELS))
            kills.append(await _round(scene, names[share]))
            tell(f"  kill {number + 1} of {size['rounds']}: {kills[-1]}")
            await scene.publisher.publish(map(request_of, beside[share]))
            await scene.until_heard([*names[share], *beside[share]])
        # Every copy is delivered, too: what is due in half a minute answers from the ledger.
        wanted = len(names)
        await until_still(lambda: scene.ear.duplicates, goal=wanted, stuck_seconds=60)
        survivors = [await _probes(member) for member in scene.fleet.active]
        return {
            **await scene.tally([*names, *beside]),
            "kills": len(kills),
            "copies": wanted,
            "originals_committed_at_the_kill": sum(one["committed"] for one in kills),
            "commits_held_back": sum(one["commits_held_back"] for one in kills),
            "head_completions": len(scene.ear.of(head)),
            "head_calls": len(scene.book.of(head)),
            "probes_at_the_end": survivors,
        }


async def _publish_head(scene: Scene, name: str) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    own = {headers.RETRY_NOT_BEFORE: later.isoformat().encode(), headers.RETRY_TOPIC: REQUESTED.encode()}
    record = (name.encode(), json.dumps(request_of(name)).encode())
    await scene.publisher.publish_raw([record], headers=EVENT_HEADERS | own, topic=_LAST, partition=0)


async def _round(scene: Scene, names: list[str]) -> dict[str, Any]:
    """One worker, models with faults of their own, one kill; the next worker starts when they are well again."""
    await scene.simulator.play(_REFUSED)
    trap = Trap(names=frozenset(names), fleet=scene.fleet)
    for member in scene.fleet.active:
        scene.fleet.terminate(member)
        await member.process.wait()
    async with open_front(scene.stack.environment, servers=("kafka",), gate=trap.gate) as front:
        [victim] = await scene.fleet.start_ready(1, **front.options)
        await until(lambda: "assigned" in victim.process.stderr, seconds=60, what="an assignment")
        before = await _committed(scene)
        trap.victim = victim
        await scene.publisher.publish(
            request_of(name, marker=_TROUBLE, model={"name": model}) for name, model in zip(names, MODELS, strict=True)
        )
        await until(lambda: trap.struck, seconds=60, what=lambda: f"{len(trap.acknowledged)} of {len(names)} copies")
        committed = await _committed(scene) - before
    await scene.simulator.play()
    await scene.fleet.start_ready(1)
    return {"copies": len(names), "committed": committed, "commits_held_back": trap.commits_held_back}


async def _committed(scene: Scene) -> int:
    return sum((await committed_offsets(scene.stack, scene.fleet.group, partitions=_PARTITIONS)).values())


async def _probes(member: Member) -> list[int]:
    return [(await member.process.get(path)).status_code for path in ("/livez", "/readyz")]


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    if counters["originals_committed_at_the_kill"]:
        faults.append(f"{counters['originals_committed_at_the_kill']} originals were committed before the kill")
    if not counters["kills"]:
        faults.append("nobody was killed")
    if counters["duplicates"] < counters["copies"]:
        faults.append(f"{counters['duplicates']} repeats for {counters['copies']} copies: some were not delivered")
    if counters["head_completions"] or counters["head_calls"]:
        faults.append("the head was taken an hour too soon")
    if counters["probes_at_the_end"] != [[200, 200]]:
        faults.append(f"the worker with the head is not alive and ready: {counters['probes_at_the_end']}")
    return faults
