"""Pure: how calls to one model ended and the time in, whether another may be made now out.

After some failures in a row, of any requests, calls wait; then one goes ahead and tells whether the model is back.
Without it every waiting request would use up its own tries on the same outage.
"""

from __future__ import annotations

from typing import Final

from analysis_worker.errors import (
    AnalysisError,
    CallTimeout,
    FirstTokenTimeout,
    ProviderDown,
    ProviderUnavailable,
    ProviderUnreachable,
    StreamCut,
    StreamStalled,
)

FAILURES_TO_OPEN: Final = 3
"""Fewer than `WORKER_MAX_ATTEMPTS`, or a lone request would be given up before the breaker could hold it."""
LEAST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 30.0
PROBING_SECONDS: Final = 1.0
"""How long those wait who find a probe under way; its end is not announced."""
OUTAGE: Final = (
    ProviderUnreachable,
    ProviderDown,
    ProviderUnavailable,
    FirstTokenTimeout,
    StreamStalled,
    CallTimeout,
)
"""Faults that speak of the model's side and not of the request."""


class Breaker:
    """One model at one endpoint; instants and durations are seconds of one clock."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls wait."""
        return self._open_until is not None

    def wait_seconds(self, now: float) -> float:
        """0: call now, which may be the probe, so say how it ended; else wait that long and ask again."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        if self._probing:
            return PROBING_SECONDS
        self._probing = True
        return 0.0

    def ended(self, fault: AnalysisError | None, now: float) -> bool:
        """A call ended so; True when that opened the breaker. A refusal shows that somebody is there."""
        if isinstance(fault, StreamCut):  # its tokens, if any, were told of; by itself it says nothing
            self.abandoned()
            return False
        if not isinstance(fault, OUTAGE):
            self.answered()
            return False
        self._probing = False
        self._failures += 1
        if self._failures < FAILURES_TO_OPEN:
            return False
        was_open = self.is_open
        doublings = min(self._failures - FAILURES_TO_OPEN, 10)
        self._open_until = now + min(MOST_SECONDS, LEAST_SECONDS * 2.0**doublings)
        return not was_open

    def answered(self) -> None:
        """The model spoke: a token, or a refusal."""
        self._failures, self._open_until, self._probing = 0, None, False

    def abandoned(self) -> None:
        """A call that may have been the probe ended without telling anything: another one may go ahead."""
        self._probing = False
