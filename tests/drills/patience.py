"""Conditions of a drill in; returns when they hold, and says what was missing when nothing moved for too long."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.drills.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable


_LOOK_SECONDS, _TELL_SECONDS = 0.3, 15.0


async def until_still(
    number: Callable[[], int], *, goal: int, stuck_seconds: float, seconds: float = _LOOK_SECONDS
) -> int:
    """Wait until the number reaches the goal or has not moved for so long; return it. `seconds`: between looks."""
    last, moved_at, told_at = number(), time.monotonic(), time.monotonic()
    while last < goal:
        await asyncio.sleep(seconds)
        now, found = time.monotonic(), number()
        if found != last:
            last, moved_at = found, now
        if now - moved_at > stuck_seconds:
            tell(f"  nothing moved for {stuck_seconds:.0f} s: {last} of {goal}")
            return last
        if seconds == _LOOK_SECONDS and now - told_at > _TELL_SECONDS:
            told_at = now
            tell(f"  {last} of {goal}")
    return last


async def pause(seconds: float) -> None:
    """Let time pass that the drill is about (a stall, an outage, a commit interval), not a condition in disguise."""
    await asyncio.sleep(seconds)
