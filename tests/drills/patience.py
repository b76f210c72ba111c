"""Conditions of a drill in; returns when they hold, and says what was missing when nothing moved for too long."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.drills.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drills.ear import Ear
    from tests.drills.fleet import Fleet

_LOOK_SECONDS, _TELL_SECONDS = 0.3, 15.0


async def until_all_heard(ear: Ear, request_ids: set[str], *, fleet: Fleet, stuck_seconds: float = 60.0) -> None:
    """Wait for a completion of each request; give up once none came for `stuck_seconds` (the verdict says lost)."""
    await until_still(lambda: ear.heard_of(request_ids), goal=len(request_ids), stuck_seconds=stuck_seconds)
    if fleet.crashed:
        tell(f"  {len(fleet.crashed)} workers ended by themselves: {fleet.crashed[0].process._tail()}")


async def until_still(number: Callable[[], int], *, goal: int, stuck_seconds: float) -> int:
    """Wait until the number reaches the goal or has not moved for so long; return it."""
    last, moved_at, told_at = number(), time.monotonic(), time.monotonic()
    while last < goal:
        await asyncio.sleep(_LOOK_SECONDS)
        now, found = time.monotonic(), number()
        if found != last:
            last, moved_at = found, now
        if now - moved_at > stuck_seconds:
            tell(f"  nothing moved for {stuck_seconds:.0f} s: {last} of {goal}")
            return last
        if now - told_at > _TELL_SECONDS:
            told_at = now
            tell(f"  {last} of {goal}")
    return last
