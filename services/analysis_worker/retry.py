"""Pure: an error and the number of tries in, the seconds to wait before the next try out, or None: give up.

Exponential back-off with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015). tenacity's
wait_random_exponential is the same rule, but it draws from the module `random` and needs its RetryCallState; here
chance and time are arguments (DESIGN.md §6, rule 4), and the floor depends on the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analysis_worker.errors import AnalysisError, Retryable

# 2**32 times any base is beyond any cap; a larger exponent only risks an overflow.
_MAX_DOUBLINGS: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how far apart one call is tried; seconds, and tries counted from the first.

    `tries_here` and `seconds_here` are how many tries and how long a wait are worth the slot; what needs more goes by
    way of a retry topic, when there is one.
    """

    max_attempts: int = 5
    base_seconds: float = 1.0
    cap_seconds: float = 30.0
    tries_here: int = 3
    seconds_here: float = 30.0


def next_delay(
    *,
    attempt: int,
    error: AnalysisError,
    now: float,
    deadline: float | None,
    random: float,
    policy: RetryPolicy | None = None,
) -> float | None:
    """Return the seconds to wait after `attempt` tries (from 1) ended in `error`, or None when no try is left.

    `now` and `deadline` are seconds of one clock; `random` lies in [0, 1). What the provider asks for
    (`retry_after_seconds`) is a floor that the jitter is added to, so that a herd does not come back as one.
    """
    policy = policy or RetryPolicy()
    if not isinstance(error, Retryable) or attempt >= attempt_limit(error, policy):
        return None
    doublings = min(max(attempt - 1, 0), _MAX_DOUBLINGS)
    jitter_seconds = random * min(policy.cap_seconds, policy.base_seconds * 2.0**doublings)
    delay_seconds = max(error.retry_after_seconds or 0.0, 0.0) + jitter_seconds
    if deadline is not None and now + delay_seconds >= deadline:
        return None
    return delay_seconds


def attempt_limit(error: Retryable, policy: RetryPolicy) -> int:
    """Return how many tries this kind of error is worth."""
    return policy.max_attempts if error.max_tries is None else min(policy.max_attempts, error.max_tries)
