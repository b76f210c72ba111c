"""Pure: what the worker sees of itself in, liveness and readiness out (DESIGN.md §3, HTTP of the worker)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOOP_LATE_SECONDS: Final = 10.0
CONTACT_SECONDS: Final = 60.0


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


def liveness_faults(observed: Observed) -> list[str]:
    """Why the process should be restarted; an idle or saturated worker, or one whose broker is gone, is alive."""
    faults = []
    if observed.loop_late_seconds > LOOP_LATE_SECONDS:
        faults.append(f"the event loop is late by {observed.loop_late_seconds:.1f} s")
    if observed.joined and not observed.consuming and not observed.draining:
        faults.append("the consume task has ended")
    return faults


def readiness_faults(observed: Observed) -> list[str]:
    """Why it does not work right now; an empty assignment is ready, and the model is never asked."""
    faults = []
    if not observed.joined:
        faults.append("has not joined the group")
    if observed.draining:
        faults.append("is draining")
    for name, seconds in (("store", observed.store_seconds), ("broker", observed.broker_seconds)):
        if seconds is None or seconds > CONTACT_SECONDS:
            faults.append(f"the {name} has not answered for {'ever' if seconds is None else f'{seconds:.0f} s'}")
    return faults
