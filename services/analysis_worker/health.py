"""Pure: what the worker sees of itself in, liveness and readiness out (DESIGN.md §3, HTTP of the worker)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOOP_LATE_SECONDS: Final = 10.0
CONTACT_SECONDS: Final = 60.0
OUTLIVED_SECONDS: Final = 300.0
"""A request that is over its deadline has so long to be recorded and published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One look at the worker: seconds since the loop last ticked and since store and broker last answered.

    None means that it never did.
    """

    loop_late_seconds: float
    consuming: bool
    joined: bool
    draining: bool
    store_seconds: float | None
    broker_seconds: float | None
    stalled_seconds: float = 0.0
    """For how long a partition that is neither paused nor at its end has not moved."""
    stall_limit_seconds: float = 120.0
    outlived_seconds: float = 0.0
    """By how much a request has outlived its deadline."""
    key_refused: str = ""
    """What the provider said when it refused the key or the account."""
    flooded: tuple[str, ...] = ()
    """The partitions that the flood guard stopped."""

    @property
    def in_contact(self) -> bool:
        """Whether store and broker answer: without them standing still is no fault of ours."""
        return all(s is not None and s <= CONTACT_SECONDS for s in (self.store_seconds, self.broker_seconds))


def liveness_faults(observed: Observed) -> list[str]:
    """Why the process should be restarted; an idle or saturated worker, or one whose broker is gone, is alive."""
    faults = []
    if observed.loop_late_seconds > LOOP_LATE_SECONDS:
        faults.append(f"the event loop is late by {observed.loop_late_seconds:.1f} s")
    if observed.joined and not observed.consuming and not observed.draining:
        faults.append("the consume task has ended")
    if observed.in_contact and observed.stalled_seconds > observed.stall_limit_seconds:
        faults.append(f"a partition has not moved for {observed.stalled_seconds:.0f} s")
    if observed.in_contact and observed.outlived_seconds > OUTLIVED_SECONDS:
        faults.append(f"a request has outlived its deadline by {observed.outlived_seconds:.0f} s")
    return faults


def readiness_faults(observed: Observed) -> list[str]:
    """Why it does not work right now; an empty assignment is ready, and the model is never asked."""
    faults = []
    if not observed.joined:
        faults.append("has not joined the group")
    if observed.draining:
        faults.append("is draining")
    if observed.key_refused:
        faults.append(f"the provider refuses the key or the account: {observed.key_refused}")
    faults += [f"{partition} is stopped by the flood guard: media-analysis resume" for partition in observed.flooded]
    for name, seconds in (("store", observed.store_seconds), ("broker", observed.broker_seconds)):
        if seconds is None or seconds > CONTACT_SECONDS:
            faults.append(f"the {name} has not answered for {'ever' if seconds is None else f'{seconds:.0f} s'}")
    return faults
