"""Drill: the probes of four workers on three partitions while idle, fully paused, and with the broker gone.

Each state lasts three times WORKER_STALL_SECONDS. Demanded: all stay ready (with the broker gone, as long as it is heard
from within a minute), `/livez` never fails; a worker that is stopped (SIGSTOP) fails it in time, and what it had is
done by the others, once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx

from analysis_devstack.topics import TopicSpec, contract_topics
from media_contracts.topics import REQUESTED
from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.patience import pause
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.tcp_proxy import open_front
from tests.drills.telling import tell
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Member

SIZES = {"small": {"stall_seconds": 4}, "full": {"stall_seconds": 40}}
WORKERS, PARTITIONS = 4, 3
TIMES = 3
LOOP_LATE_SECONDS = 10.0
"""What `/livez` promises (DESIGN.md §3); a probe's own time-out comes on top."""
PROBE_SECONDS = 5.0
BROKER_CONTACT_SECONDS = 60.0
LAST_LOOK_SECONDS = 15.0
"""The worker may have heard from the broker so long before it went away."""
_LOOK_SECONDS = 0.5


def topics() -> list[TopicSpec]:
    """The requested topic has three partitions here."""
    return [
        dataclasses.replace(spec, partitions=PARTITIONS) if spec.name == REQUESTED else spec
        for spec in contract_topics()
    ]


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: stall_seconds."""
    stall_seconds = size["stall_seconds"]
    long_seconds = TIMES * stall_seconds
    held, frozen = ids_of("held", 4 * PARTITIONS), ids_of("frozen", 30)
    async with open_front(stack.environment, servers=("kafka",)) as front:
        options = {
            **front.options,
            "WORKER_STALL_SECONDS": str(stall_seconds),
            "WORKER_MAX_IN_FLIGHT": "1",
            "MODEL_FIRST_TOKEN_SECONDS": str(10 * long_seconds + 100),
        }
        async with open_scene(stack, group="probes", options=options) as scene:
            members = await scene.fleet.start_ready(WORKERS)
            phases = {"idle": await watch(members, seconds=long_seconds)}
            await scene.simulator.play({"match": {}, "do": {"fault": "hold"}})
            for partition in range(PARTITIONS):
                await scene.publisher.publish(map(request_of, held[partition::PARTITIONS]), partition=partition)
            await until(lambda: _held(scene), seconds=60, what="a held call for each partition's worker")
            phases["paused"] = await watch(members, seconds=long_seconds)
            await scene.simulator.play()
            await scene.simulator.release()
            await scene.until_heard(held)
            for proxy in front.proxies:
                proxy.take_away()
            phases["broker_gone"] = await watch(members, seconds=long_seconds)
            for proxy in front.proxies:
                proxy.bring_back()
            for member in members:
                await member.process.wait_ready(seconds=60)
            late_seconds = await _freeze(scene.fleet, members[0])
            await scene.publisher.publish(map(request_of, frozen))
            await scene.until_heard(frozen)
            scene.fleet.thaw(members[0])
            await members[0].process.wait_ready(seconds=60)
            return {
                **await scene.tally([*held, *frozen]),
                "phases": phases,
                "seconds_a_phase": long_seconds,
                "seconds_until_a_stopped_loop_failed": late_seconds,
            }


async def _held(scene: Any) -> bool:
    # A worker holds one or more partitions and one slot: at least two workers have something to do.
    return len(await scene.simulator.calls(lambda call: call["status"] == "held")) >= 2


async def watch(members: Sequence[Member], *, seconds: float) -> dict[str, Any]:
    """Ask every worker's probes for so long; count the answers that were not 200, by what was said."""
    looks, faults = 0, Counter[str]()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        answers = await asyncio.gather(*(_ask(member, path) for member in members for path in ("/livez", "/readyz")))
        looks += 1
        for path, said in zip(("/livez", "/readyz") * len(members), answers, strict=True):
            if said:
                late = path == "/readyz" and passed > BROKER_CONTACT_SECONDS - LAST_LOOK_SECONDS
                words = re.sub(r"\d+ s", "N s", said)
                faults[f"{path}{' after a minute' if late else ''}: {words}"] += 1
        await pause(_LOOK_SECONDS)
    tell(f"  {looks} looks, {dict(faults)}")
    return {"looks": looks, "faults": dict(faults)}


async def _ask(member: Member, path: str) -> str:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            answer = await member.process.get(path)
    except (TimeoutError, httpx.TransportError) as error:
        return type(error).__name__
    return "" if answer.status_code == httpx.codes.OK else answer.text[:200]


async def _freeze(fleet: Any, member: Member) -> float:
    """SIGSTOP; seconds until its liveness probe fails."""
    fleet.freeze(member)
    begun = time.monotonic()

    async def fails() -> bool:
        return bool(await _ask(member, "/livez"))

    await until(fails, seconds=60, what="a failing /livez")
    return round(time.monotonic() - begun, 1)


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    for name, phase in counters["phases"].items():
        excused = "/readyz after a minute" if name == "broker_gone" else "nothing"
        faults += [
            f"{name}: {number} × {said}" for said, number in phase["faults"].items() if not said.startswith(excused)
        ]
        if not phase["looks"]:
            faults.append(f"{name}: nobody looked")
    if counters["seconds_until_a_stopped_loop_failed"] > LOOP_LATE_SECONDS + PROBE_SECONDS:
        faults.append(f"a stopped loop failed after {counters['seconds_until_a_stopped_loop_failed']} s only")
    return faults
