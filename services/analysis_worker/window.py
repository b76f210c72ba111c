"""Requests in, slots out: how many are worked on at once, and whether another record may be taken (law 5).

A request that waits for another worker's claim is parked: it gives its slot back, and only the number of parked
requests is bounded, so that a pile of duplicates cannot starve the rest. One that waits until somebody has mended
something may wait for days: it is set aside, and fills the window never. The commit map of its partition bounds those.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

PARKED_PER_SLOT: Final = 4


class Window:
    """`capacity` slots; `on_room` is called whenever room may have appeared."""

    def __init__(self, *, capacity: int, on_room: Callable[[], None]) -> None:
        self.capacity = capacity
        self.slots = asyncio.Semaphore(capacity)
        self.on_room = on_room
        self.admitted = 0
        self.parked = 0
        self.set_aside = 0

    @property
    def full(self) -> bool:
        """True when no further record may be taken."""
        return self.in_flight >= self.capacity or self.parked >= PARKED_PER_SLOT * self.capacity

    @property
    def in_flight(self) -> int:
        """How many records hold a slot or are about to."""
        return self.admitted - self.parked - self.set_aside

    def admit(self) -> None:
        """Count a record in, before its task runs; `leave` counts it out."""
        self.admitted += 1

    def leave(self) -> None:
        """Count a record out, however it ended."""
        self.admitted -= 1
        self.on_room()

    def new_slot(self) -> Slot:
        """A slot to be taken with `async with`."""
        return Slot(self)


class Slot:
    """The right to work on one request; it knows whether it is held, so that a cancelled wait releases nothing twice.

    `answered` is set when the model's answer is in, so that a revoke waits for it; `ends_at` is the instant, in epoch
    seconds, by which the request must have ended; `buried` is set when the record ended as a dead letter.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._held = False
        self.answered = False
        self.buried = False
        self.ends_at = math.inf

    @property
    def held(self) -> bool:
        """Whether the slot is held: something is done."""
        return self._held

    async def __aenter__(self) -> Self:
        """Wait for a slot."""
        await self.take()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Return it."""
        self.give_back()

    async def take(self) -> None:
        """Wait for a slot."""
        await self._window.slots.acquire()
        self._held = True

    def give_back(self) -> None:
        """Return the slot, if it is held."""
        if self._held:
            self._held = False
            self._window.slots.release()

    async def wait(self, seconds: float) -> None:
        """Wait without the slot, then take one again."""
        self.give_back()
        self._window.parked += 1
        self._window.on_room()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._window.parked -= 1
        await self.take()

    async def set_aside(self, seconds: float) -> None:
        """Wait without the slot and without counting as parked, then take one again: nobody knows when it is mended."""
        self.give_back()
        self._window.set_aside += 1
        self._window.on_room()
        try:
            await asyncio.sleep(seconds)
            await self.take()  # still set aside while it queues: any number of them may wake up together
        finally:
            self._window.set_aside -= 1
