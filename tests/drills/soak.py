"""Drill: many requests through one worker; its memory, sockets and tasks are sampled all the way.

Demanded: no slope. A line is fitted to the samples behind the warm-up, and what it would add over the whole run must be
small against the mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import resource
from pathlib import Path
from statistics import fmean, linear_regression
from typing import TYPE_CHECKING, Any

from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.patience import until_still
from tests.drills.requests import ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.telling import tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Member
    from tests.drills.scene import Scene

SIZES = {"small": {"requests": 2_500, "sample_every": 100}, "full": {"requests": 50_000, "sample_every": 1_000}}
WARM_UP_SHARE = 0.3
BACKLOG = 500
# What a whole run may add, as a share of the mean; a handful of sockets or tasks is no slope.
ALLOWED_SHARE = {"rss_mib": 0.10, "sockets": 0.25, "tasks": 0.25}
ALLOWED_ABSOLUTE = {"rss_mib": 8.0, "sockets": 10.0, "tasks": 10.0}
_TASKS = re.compile(r"^media_analysis_tasks (\S+)$", re.MULTILINE)
_MIB = 1024 * 1024


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: requests, sample_every."""
    names = ids_of("soak", size["requests"])
    async with open_scene(stack, group="soak") as scene:
        await scene.simulator.play(first_token_seconds=0.05)
        [worker] = await scene.fleet.start_ready(1)
        feeding = asyncio.create_task(_feed(scene, names))
        samples = []
        for reached in range(size["sample_every"], len(names) + 1, size["sample_every"]):
            heard = await until_still(lambda: len(scene.ear.completions), goal=reached, stuck_seconds=60)
            if heard < reached:
                break
            samples.append({"requests": heard, **await sample(worker)})
            tell(f"  {samples[-1]}")
        await feeding
        await scene.until_heard(names)
        return {**await scene.tally(names), "samples": samples, "growth": growth_of(samples)}


async def _feed(scene: Scene, names: Sequence[str]) -> None:
    """Keep a backlog, so that every sample is taken under the same load."""
    for start in range(0, len(names), BACKLOG):
        goal = start - BACKLOG
        await until_still(lambda: len(scene.ear.completions), goal=goal, stuck_seconds=120, seconds=0.1)
        await scene.publisher.publish(map(request_of, names[start : start + BACKLOG]))


async def sample(worker: Member) -> dict[str, float]:
    """Resident memory (MiB), open sockets and tasks of a worker, from outside."""
    found = _TASKS.search((await worker.process.get("/metrics")).text)
    return {**_look_at(worker.pid), "tasks": float(found[1]) if found else -1.0}


def _look_at(pid: int) -> dict[str, float]:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    links = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            links.append(str(one.readlink()))
    return {
        "rss_mib": round(pages * resource.getpagesize() / _MIB, 1),
        "sockets": sum(link.startswith("socket:") for link in links),
    }


def growth_of(samples: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Pure: for each measure its mean and what the fitted line adds over the whole run, warm-up left out."""
    kept = samples[int(len(samples) * WARM_UP_SHARE) :]
    if len(kept) < 3:
        return {}
    at = [one["requests"] for one in kept]
    whole = samples[-1]["requests"]
    return {
        name: {
            "mean": round(fmean(one[name] for one in kept), 2),
            "added": round(linear_regression(at, [one[name] for one in kept]).slope * whole, 2),
        }
        for name in ALLOWED_SHARE
    }


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    growth = growth_of(counters["samples"])
    if not growth:
        faults.append("too few samples for a line")
    for name, found in growth.items():
        allowed = max(ALLOWED_ABSOLUTE[name], ALLOWED_SHARE[name] * found["mean"])
        if found["mean"] < 1 or found["added"] > allowed:
            faults.append(f"{name}: the line adds {found['added']} to a mean of {found['mean']}")
    return faults
