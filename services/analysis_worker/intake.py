"""Delivered records in, tasks that work on them out: one task a record, whatever assignment it was delivered under.

A task outlives its assignment (law 4): when the same record comes back to this process, the task that still works on it
is adopted instead of started again, and its end counts for the new assignment.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis_worker.offsets import Offsets, Partition, Ticket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from analysis_worker.values import Delivered
    from analysis_worker.window import Slot, Window

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Which record it is; the timestamp tells a re-created topic's record from the old one at its offset."""

    partition: Partition
    offset: int
    timestamp_ms: int


@dataclass(kw_only=True, slots=True)
class _Work:
    """A record in work: `ticket` is that of the latest assignment it was delivered under."""

    ticket: Ticket
    slot: Slot
    waiting: bool
    task: asyncio.Task[None] | None = None


class Intake:
    """Starts a task per record and finishes its offset when `process` returns.

    `process` returns when the broker has acknowledged what came of the record. Whatever it raises, the record is not
    finished, and `on_fatal` is told. `on_finished` is told whenever an offset was finished, `on_ended` when a record has
    ended and whether as a dead letter, `on_due` when the record that a partition waited for has begun.
    """

    def __init__(
        self,
        *,
        window: Window,
        offsets: Offsets,
        process: Callable[[Delivered, Slot], Awaitable[None]],
        on_finished: Callable[[], None],
        on_ended: Callable[[Partition, bool], None],
        on_due: Callable[[Partition], None],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._window = window
        self._offsets = offsets
        self._process = process
        self._on_finished = on_finished
        self._on_ended = on_ended
        self._on_due = on_due
        self._on_fatal = on_fatal
        self._works: dict[_Place, _Work] = {}

    def admit(self, delivered: Delivered, *, wait_seconds: float) -> bool:
        """Register the record, then work on it when it is due, unless it is finished or in work already.

        True when it waits until it is due: only then will `on_due` be told.
        """
        partition = Partition(topic=delivered.record.topic, number=delivered.partition)
        ticket = self._offsets.deliver(partition, delivered.offset, timestamp_ms=delivered.timestamp_ms)
        if ticket is None:
            self._on_finished()
            return False
        place = _Place(partition=partition, offset=delivered.offset, timestamp_ms=delivered.timestamp_ms)
        work = self._works.get(place)
        if work is not None and work.task is not None and not work.task.done():
            log.info("adopted", extra={"event": "adopted", "partition": str(partition), "offset": delivered.offset})
            work.ticket = ticket
            return work.waiting
        work = _Work(ticket=ticket, slot=self._window.new_slot(), waiting=wait_seconds > 0)
        self._works[place] = work
        work.task = asyncio.create_task(self._run_when_due(place, work, delivered, wait_seconds))
        # Not in the task itself: one that is cancelled before its first step never comes to its own `finally`.
        work.task.add_done_callback(lambda task: self._leave(place, work, task))
        if not work.waiting:
            self._window.admit()
        return work.waiting

    def forget_waiting(self) -> None:
        """Drop the records that are not due yet: whoever has their partition next is given them again."""
        for place, work in list(self._works.items()):
            if work.waiting and work.task:
                work.task.cancel()
                del self._works[place]  # at once: what is about to end must not be adopted

    async def settle(self, *, seconds: float) -> None:
        """Wait, so long at most, for the records whose answers have been received (law 4)."""
        settling = [work.task for work in self._works.values() if work.task and work.slot.answered]
        if settling:
            await asyncio.wait(settling, timeout=seconds)

    async def drain(self, *, seconds: float) -> int:
        """Let what is under way end, then cancel the rest; returns how many were cut off.

        What holds no slot does nothing: it waits for another worker's claim or for somebody to mend something, and is
        left to whoever has its partition next.
        """
        self.forget_waiting()
        ends_at = asyncio.get_running_loop().time() + seconds
        while (left := ends_at - asyncio.get_running_loop().time()) > 0 and self._works:
            for work in self._works.values():
                if work.task and not work.slot.held:
                    work.task.cancel()
            await asyncio.wait(
                [work.task for work in self._works.values() if work.task], timeout=min(left, LOOK_SECONDS)
            )
        cut = [work.task for work in self._works.values() if work.task]
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        return len(cut)

    def outlived_seconds(self, *, now_seconds: float) -> float:
        """By how much the longest overdue record has outlived the time it was given; 0 when none has."""
        return max((now_seconds - work.slot.ends_at for work in self._works.values()), default=0.0)

    async def _run_when_due(self, place: _Place, work: _Work, delivered: Delivered, wait_seconds: float) -> None:
        if work.waiting:
            await asyncio.sleep(wait_seconds)
            work.waiting = False
            self._window.admit()
            self._on_due(place.partition)
        await self._run(work, delivered)

    async def _run(self, work: _Work, delivered: Delivered) -> None:
        async with work.slot:
            await self._process(delivered, work.slot)
        self._offsets.finish(work.ticket)
        self._on_finished()
        self._on_ended(work.ticket.partition, work.slot.buried)

    def _leave(self, place: _Place, work: _Work, task: asyncio.Task[None]) -> None:
        error = _unforeseen(task)
        if error is not None:
            self._on_fatal(error)
        if self._works.get(place) is work:
            del self._works[place]
        if not work.waiting:
            self._window.leave()


def _unforeseen(task: asyncio.Task[None]) -> BaseException | None:
    """What ended a task other than its own end and a cancellation of ours: whatever it is, the record is not finished.

    A `CancelledError` that nobody asked the task for came out of something that it awaited.
    """
    if not task.cancelled():
        return task.exception()
    return None if task.cancelling() else asyncio.CancelledError("cancelled from within")
