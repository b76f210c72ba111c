"""Drill: two producers send each request at once to two partitions that two workers hold.

Demanded: one paid call and one completion id for each request.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from media_contracts.topics import REQUESTED
from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.requests import Publisher, ids_of, request_of
from tests.drills.scene import open_scene
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_devstack.stack import Stack
    from tests.drills.fleet import Member

SIZES = {"small": {"requests": 50}, "full": {"requests": 1_000}}


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: requests."""
    dice = random.Random(seed)
    names = ids_of("twice", size["requests"])
    async with open_scene(stack, group="twice") as scene:
        await scene.simulator.play(first_token_seconds=0.3, chunk_seconds=0.01)
        members = await scene.fleet.start_ready(2)
        await until(lambda: all(map(requested_of, members)) and _apart(members), seconds=60, what="two assignments")
        held = [sorted(requested_of(member)) for member in members]
        other = Publisher(stack)
        for name in names:
            request = [request_of(name)]
            one, two = (dice.choice(partitions) for partitions in held)
            await asyncio.gather(scene.publisher.publish(request, partition=one), other.publish(request, partition=two))
        await scene.until_heard(names)
        publications = 2 * len(names)
        await until(lambda: len(scene.ear.completions) + scene.ear.duplicates >= publications, seconds=60)
        return {**await scene.tally(names), "records": publications}


def requested_of(member: Member) -> set[int]:
    """The partitions of the requested topic that a worker says it was assigned last."""
    found = [line["partitions"] for line in member.process.log_lines() if line.get("event") == "assigned"]
    names = [name.rpartition("-") for name in found[-1]] if found else []
    return {int(number) for topic, _, number in names if topic == REQUESTED}


def _apart(members: list[Member]) -> bool:
    one, two = map(requested_of, members)
    return not one & two


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, fleet_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)]
    if counters["duplicates"] + counters["completions"] != counters["records"]:
        faults.append(f"{counters['records']} records, {counters['duplicates']} repeats: not every record was answered")
    return faults
