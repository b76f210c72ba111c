"""Refusals of the key or the account in, who may call the provider out.

They are no fault of a request: every one would meet them. So none is failed by them: the worker takes nothing more,
those under way wait, and one of them at a time tries whether the key was mended (issue: Outages).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
LEAST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 30.0
"""Between two tries: longer after each refusal."""
LOOK_SECONDS: Final = 1.0


class KeyGate:
    """One key at one endpoint; `clock` is monotonic seconds, `on_change` is told when `closed` may have changed."""

    def __init__(
        self, *, clock: Callable[[], float], on_change: Callable[[], None], look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._look_seconds = look_seconds
        self._clock = clock
        self._on_change = on_change
        self._waiting = 0
        self._refusals = 0
        self._probe_at = 0.0
        self.refusal = ""
        """What the provider said; empty as long as it takes the key."""

    @property
    def closed(self) -> bool:
        """Whether to take no more: somebody waits here who will find out when the key is taken again."""
        return bool(self.refusal) and self._waiting > 0

    def refuse(self, message: str) -> None:
        """The provider refused the key."""
        if not self.refusal:
            log.error("the provider refuses the key", extra={"event": "key_refused", "error": message})
        self.refusal = message
        self._refusals += 1
        self._probe_at = self._clock() + self._pause_seconds

    def grant(self) -> None:
        """The provider took the key, whatever else it said."""
        if self.refusal:
            log.info("the provider takes the key", extra={"event": "key_granted"})
            self.refusal, self._refusals = "", 0
            self._on_change()

    async def passed(self) -> None:
        """Wait until the key is taken, or it is our turn to try; the deadline is the caller's."""
        if not self.refusal:
            return
        self._waiting += 1
        self._on_change()
        try:
            while self.refusal and self._clock() < self._probe_at:  # noqa: ASYNC110 - its turn comes by time
                await asyncio.sleep(self._look_seconds)
            self._probe_at = self._clock() + self._pause_seconds  # whoever waits too leaves this try to us
        finally:
            self._waiting -= 1
            self._on_change()

    @property
    def _pause_seconds(self) -> float:
        return min(MOST_SECONDS, LEAST_SECONDS * 2.0 ** min(self._refusals, 10))
