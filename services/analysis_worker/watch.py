"""The worker watching itself: a ticking loop, the last contact with store and broker; `Observed` out."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self

from analysis_worker.errors import AnalysisError
from analysis_worker.health import Observed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from analysis_worker.kafka.consumer import Consumer

log = logging.getLogger(__name__)
TICK_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 15.0


class Watch:
    """Ticks while it is open; what is looked at is asked every 15 s, well within the 60 s that readiness allows."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ticked = clock()
        self._store: float | None = None
        self._broker: float | None = None
        self._consumer: Consumer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False

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
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    await ask()
                    self._store = self._clock()
                except AnalysisError as error:
                    log.warning("store does not answer", extra={"event": "store_silent", "error": error.message})

        self._spawn(look())

    def look_at_consumer(self, consumer: Consumer) -> None:
        """The broker has just answered; ask it again and again."""
        self._consumer = consumer
        self._broker = self._clock()

        async def look() -> None:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                if await consumer.reaches_broker():
                    self._broker = self._clock()

        self._spawn(look())

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
        )

    async def _tick(self) -> None:
        while True:
            self._ticked = self._clock()
            await asyncio.sleep(TICK_SECONDS)

    def _spawn(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))
