"""An operation on the store in, its result out, however long the store takes: outages are waited for, not failed."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analysis_worker.errors import StoreUnavailable
from analysis_worker.retry import RetryPolicy, next_delay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

log = logging.getLogger(__name__)
T = TypeVar("T")
PATIENT: Final = RetryPolicy(max_attempts=2**31, base_seconds=0.2, cap_seconds=10)
CANCEL_GRACE_SECONDS: Final = 5
OUTAGE_PAUSE_SECONDS: Final = 1.0
"""Before what met an outage of the store, or of this machine, is begun anew."""


async def patiently(operation: Callable[[], Awaitable[T]], *, wait: Callable[[float], Awaitable[None]]) -> T:
    """Repeat `operation` until the store answers; `wait` sleeps between tries (a slot's wait gives the slot back)."""
    tries = 0
    while True:
        try:
            return await operation()
        except StoreUnavailable as error:
            tries += 1
            chance = random.random()  # noqa: S311 - jitter, no secret
            delay = next_delay(attempt=tries, error=error, now=0, deadline=None, random=chance, policy=PATIENT)
            log.warning("store unavailable", extra={"event": "store_retried", "tries": tries, "error": error.message})
            await wait(PATIENT.cap_seconds if delay is None else delay)


async def finished_even_if_cancelled(operation: Coroutine[Any, Any, T]) -> T:
    """Run `operation`; a cancellation waits for its end, at most five seconds: a paid answer is worth that."""
    task = asyncio.create_task(operation)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task}, timeout=CANCEL_GRACE_SECONDS)
        finally:
            task.cancel()
        _forget(task)
        raise


async def undone_if_cancelled(operation: Coroutine[Any, Any, T], *, undo: Callable[[T], Awaitable[object]]) -> T:
    """Run `operation`; a cancellation waits for its end and undoes it, in five seconds at most, for nobody uses it."""
    task = asyncio.create_task(operation)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception):  # the cancellation is what the caller must see
            async with asyncio.timeout(CANCEL_GRACE_SECONDS):
                await undo(await task)
        raise


def _forget(task: asyncio.Task[Any]) -> None:
    """Its fault is nobody's any more; asyncio would log it as never retrieved."""
    if task.done() and not task.cancelled():
        task.exception()
