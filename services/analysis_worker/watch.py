"""The worker watching itself: a ticking loop, the last contact with store and broker; `Observed` out."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, Self

from analysis_worker.errors import AnalysisError
from analysis_worker.health import CONTACT_SECONDS, Observed
from analysis_worker.holds import Hold
from analysis_worker.stalls import Stalls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from analysis_worker.kafka.consumer import Consumer
    from analysis_worker.offsets import Partition

log = logging.getLogger(__name__)
TICK_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 15.0
LOOKS_PER_STALL: Final = 4


class Watch:
    """Ticks while it is open; what is looked at is asked every 15 s, well within the 60 s that readiness allows."""

    def __init__(self, *, clock: Callable[[], float], stall_seconds: float) -> None:
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._look_seconds = min(LOOK_SECONDS, stall_seconds / LOOKS_PER_STALL)
        self._stalls = Stalls()
        self._ticked = clock()
        self._back = clock()
        self._store: float | None = None
        self._broker: float | None = None
        self._consumer: Consumer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        self.key_refused: Callable[[], str] = str
        """What the provider said when it refused the key; empty as long as it does not."""

    async def __aenter__(self) -> Self:
        """Begin to tick."""
        self._spawn(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look_at_store(self, ask: Callable[[], Awaitable[None]]) -> None:
        """The store has just answered; ask it again and again."""
        self._store = self._clock()

        async def look() -> None:
            try:
                await ask()
                self._store = self._heard(self._store)
            except AnalysisError as error:
                log.warning("store does not answer", extra={"event": "store_silent", "error": error.message})

        self._spawn(self._again_and_again(look, every_seconds=LOOK_SECONDS))

    def look_at_consumer(self, consumer: Consumer) -> None:
        """The broker has just answered; ask it again and again."""
        self._consumer = consumer
        self._broker = self._clock()

        async def look() -> None:
            positions: Mapping[Partition, int | None] = {}
            try:
                if await consumer.reaches_broker():
                    self._broker = self._heard(self._broker)
                    positions = await consumer.positions()
            finally:
                # A broker that does not answer moves nothing; standing still counts from its return.
                self._stalls.look(self._clock(), positions)

        self._spawn(self._again_and_again(look, every_seconds=self._look_seconds))

    def observe(self) -> Observed:
        """One look."""
        now = self._clock()
        consumer = self._consumer
        return Observed(
            loop_late_seconds=max(0.0, now - self._ticked - TICK_SECONDS),
            consuming=consumer is not None and consumer.consuming,
            joined=consumer is not None and consumer.joined,
            draining=self.draining,
            store_seconds=None if self._store is None else now - self._store,
            broker_seconds=None if self._broker is None else now - self._broker,
            stalled_seconds=self._stalls.longest_seconds(now),
            stall_limit_seconds=self._stall_seconds,
            outlived_seconds=self._outlived_seconds(now),
            key_refused=self.key_refused(),
            flooded=tuple(str(each) for each in consumer.holds.partitions(Hold.FLOODED)) if consumer else (),
        )

    def _heard(self, before: float | None) -> float:
        """Now; a contact that was lost and came back is a new one."""
        now = self._clock()
        if before is None or now - before > CONTACT_SECONDS:
            self._back = now
        return now

    def _outlived_seconds(self, now: float) -> float:
        """What an outage held up has had its time only since the contact came back."""
        if self._consumer is None:
            return 0.0
        return min(self._consumer.intake.outlived_seconds(now_seconds=time.time()), now - self._back)

    def resume(self, topic: str | None, number: int | None) -> tuple[Partition, ...]:
        """Let partitions go on that the flood guard stopped; none, as long as nothing is consumed."""
        return self._consumer.resume(topic=topic, number=number) if self._consumer else ()

    async def _again_and_again(self, look: Callable[[], Awaitable[None]], *, every_seconds: float) -> None:
        """Look for ever: readiness hangs on it, so that nothing a look raises may end it."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await look()
            except Exception:
                log.exception("a look failed", extra={"event": "look_failed"})

    async def _tick(self) -> None:
        while True:
            self._ticked = self._clock()
            await asyncio.sleep(TICK_SECONDS)

    def _spawn(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))
