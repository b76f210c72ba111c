"""Drill: whichever worker one request reaches is killed each time its first read of the media passes the proxy.

Demanded: after three kills (WORKER_MAX_STARTS) it is completed as `worker_crashed`, and all the others are done.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.drills.accounting import Counters, common_faults, fleet_faults
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.tcp_proxy import Passing, open_front
from tests.drills.telling import tell
from tests.system.harness import Bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Fleet, Member

SIZES = {"small": {"requests": 500}, "full": {"requests": 1_000}}
WORKERS = 3
STARTS = 3
_KEY = "crash-loop/picture.jpg"


@dataclass(kw_only=True)
class Trap:
    """Kills the worker behind it when it reads the picture."""

    fleet: Fleet
    kills: list[int]
    sprung: asyncio.Event
    member: Member | None = field(default=None)

    async def gate(self, passing: Passing) -> bool:
        """See tcp_proxy."""
        if self.member is None or passing.phase == "after" or _KEY not in passing.request.name:
            return True
        if self.member.fate == "alive":
            self.fleet.kill(self.member)
            self.kills.append(self.member.pid)
            tell(f"  kill {len(self.kills)} at {passing.request.name}")
            self.sprung.set()
        return False


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: requests; `seed`: where among them the deadly one stands."""
    names = ids_of("crash", size["requests"])
    deadly = names[seed * 37 % len(names)]
    picture = io.BytesIO()
    Image.new("RGB", (96, 64), (20, 80, 140)).save(picture, "JPEG")
    Bucket(stack).upload(_KEY, picture.getvalue())
    media = [{"kind": "image", "bucket": "media", "key": _KEY}]
    requests = [request_of(name, **({"media": media} if name == deadly else {})) for name in names]
    kills: list[int] = []
    sprung = asyncio.Event()
    options = {"WORKER_MAX_STARTS": str(STARTS), "WORKER_CLAIM_STALE_SECONDS": "3"}
    async with open_scene(stack, group="crash", options=options) as scene, contextlib.AsyncExitStack() as exits:
        await scene.simulator.play(first_token_seconds=0.3, chunk_seconds=0.01)

        async def recruit() -> Member:
            trap = Trap(fleet=scene.fleet, kills=kills, sprung=sprung)
            front = await exits.enter_async_context(open_front(stack.environment, servers=("s3",), gate=trap.gate))
            trap.member = scene.fleet.start(**front.options)
            return trap.member

        async def replace() -> None:
            while True:
                await sprung.wait()
                sprung.clear()
                await recruit()

        recruits = [await recruit() for _ in range(WORKERS)]
        for one in recruits:
            await one.process.wait_ready()
        replacing = asyncio.create_task(replace())
        await scene.publisher.publish(requests)
        await scene.until_heard(names)
        replacing.cancel()
        await asyncio.gather(replacing, return_exceptions=True)
        [end] = scene.ear.of(deadly) or [None]
        return {
            **await scene.tally(names),
            "kills": len(kills),
            "deadly_outcome": end and end.outcome,
            "deadly_error_code": end and end.error_code,
            "deadly_calls": len(scene.book.of(deadly)),
        }


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    faults = common_faults(counters) + fleet_faults(counters)
    if counters["kills"] != STARTS:
        faults.append(f"{counters['kills']} kills, {STARTS} starts are allowed")
    if (counters["deadly_outcome"], counters["deadly_error_code"]) != ("failed", "worker_crashed"):
        faults.append(f"the deadly request ended as {counters['deadly_outcome']}, {counters['deadly_error_code']}")
    if counters["outcomes"] != {"succeeded": counters["requests"] - 1, "failed": 1}:
        faults.append(f"the others are not all done: {counters['outcomes']}, {counters['error_codes']}")
    return faults
