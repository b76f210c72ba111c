"""Conditions and deadlines in; returns when they hold: what tests use instead of sleeping; and looks at processes."""

from __future__ import annotations

import asyncio
import inspect
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE_SECONDS = 0.02


async def until(condition: Callable[[], Any], *, seconds: float = 20.0, what: str | Callable[[], str] = "") -> Any:
    """Ask (a function or coroutine function) again and again; return the first answer that is true.

    :raises AssertionError: at the deadline, with `what` was waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(_late(condition, seconds, what))
        await asyncio.sleep(_PAUSE_SECONDS)


def until_sync(condition: Callable[[], Any], *, seconds: float = 20.0, what: str | Callable[[], str] = "") -> Any:
    """As `until`, for tests without a loop."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(_late(condition, seconds, what))
        time.sleep(_PAUSE_SECONDS)
    return answer


def _late(condition: Callable[[], Any], seconds: float, what: str | Callable[[], str]) -> str:
    text = what() if callable(what) else what
    return f"not within {seconds:g} s: {text or inspect.getsource(condition).strip()}"


def gone(pid: int) -> bool:
    """Say whether no such process runs; one that is dead but not yet reaped is gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in {"Z", "X"}


def children_of(pid: int) -> set[int]:
    """The process ids of everything that process started, directly or not."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, frontier = set(), {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found
