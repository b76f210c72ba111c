"""Drill: under a steady load the broker, the store and the model are gone in turn, for minutes at full size.

On Apache Kafka the broker that leads a partition is killed, and later the whole cluster; on the embedded stack, whose
broker would forget its records, a proxy takes it away. Demanded: nothing lost, nothing failed, no worker restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from media_contracts.topics import REQUESTED
from tests.drills.accounting import Counters, common_faults, succeeded_all
from tests.drills.patience import pause
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.soak import sample
from tests.drills.tcp_proxy import Front, open_front
from tests.drills.telling import tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from analysis_devstack.stack import Stack
    from tests.drills.scene import Scene

SIZES = {
    "small": {"requests": 500, "seconds": 8, "stuck_seconds": 100},
    "full": {"requests": 10_000, "seconds": 60, "stuck_seconds": 420},
}
WORKERS = 2
_BETWEEN_SECONDS = 4.0
_FEED_SECONDS = 0.5
_UNAVAILABLE = {"match": {}, "do": {"fault": "unavailable"}}


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: requests, seconds (of each outage), stuck_seconds (until what is missing counts as lost)."""
    names = ids_of("out", size["requests"])
    async with contextlib.AsyncExitStack() as exits:
        outages = _clustered(stack)
        options: dict[str, str | None] = {}
        if not outages:
            front = await exits.enter_async_context(open_front(stack.environment, servers=("kafka",)))
            outages = {"broker_gone": lambda: _cut_off(front)}
            options.update(front.options)
        scene = await exits.enter_async_context(open_scene(stack, group="out", options=options))
        outages |= {"store_gone": lambda: _stopped(stack, "store"), "model_503": lambda: _refusing(scene)}
        await scene.simulator.play(first_token_seconds=0.2, chunk_seconds=0.01)
        await scene.fleet.start_ready(WORKERS)
        whole_seconds = len(outages) * (size["seconds"] + _BETWEEN_SECONDS) + _BETWEEN_SECONDS
        feeding = asyncio.create_task(_feed(scene, names, seconds=whole_seconds))
        phases = []
        for name, outage in outages.items():
            await pause(_BETWEEN_SECONDS)
            before = len(scene.ear.completions)
            async with outage():
                await pause(size["seconds"])
                rss = [(await sample(member))["rss_mib"] for member in scene.fleet.active if member.running]
            phases.append({"outage": name, "rss_mib": rss, "completions_in_it": len(scene.ear.completions) - before})
            tell(f"  {phases[-1]}")
        await feeding
        await scene.until_heard(names, stuck_seconds=size["stuck_seconds"])
        return {**await scene.tally(names), "seconds": size["seconds"], "phases": phases}


async def _feed(scene: Scene, names: Sequence[str], *, seconds: float) -> None:
    share = max(1, int(len(names) * _FEED_SECONDS / seconds))
    for start in range(0, len(names), share):
        await scene.publisher.publish(map(request_of, names[start : start + share]))
        await pause(_FEED_SECONDS)


def _clustered(stack: Stack) -> dict[str, Callable[[], AbstractAsyncContextManager[None]]]:
    if not hasattr(stack, "leader"):
        return {}
    return {"leader_killed": lambda: _leader_killed(stack), "cluster_restarted": lambda: _stopped(stack, "broker")}


@contextlib.asynccontextmanager
async def _leader_killed(stack: Any) -> AsyncIterator[None]:
    name = await stack.leader(REQUESTED, 0)
    await stack.kill(name)
    yield
    await stack.start(name)


@contextlib.asynccontextmanager
async def _stopped(stack: Stack, name: str) -> AsyncIterator[None]:
    await stack.kill(name)
    yield
    await stack.start(name)


@contextlib.asynccontextmanager
async def _cut_off(front: Front) -> AsyncIterator[None]:
    for proxy in front.proxies:
        proxy.take_away()
    yield
    for proxy in front.proxies:
        proxy.bring_back()


@contextlib.asynccontextmanager
async def _refusing(scene: Scene) -> AsyncIterator[None]:
    await scene.simulator.play(_UNAVAILABLE)
    yield
    await scene.simulator.play(first_token_seconds=0.2, chunk_seconds=0.01)


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    faults = common_faults(counters) + succeeded_all(counters)
    faults += [
        f"{name}: {counters[name]}"
        for name in ("workers_that_crashed", "bad_exit_codes", "dead_letters")
        if counters[name]
    ]
    return faults
