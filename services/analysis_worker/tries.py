"""Pure: how the calls to one model ended in, when the next one is made out, or that it is not made here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analysis_worker.answers.ladder import Rung
from analysis_worker.errors import (
    AnalysisError,
    AnswerEmpty,
    AnswerNotJson,
    AnswerTruncated,
    AnswerWrongShape,
    CallCancelled,
    ProviderDown,
    ProviderThrottled,
    ProviderUnreachable,
    Retryable,
)
from analysis_worker.retry import RetryPolicy, next_delay
from analysis_worker.speech import KIND as SPEECH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analysis_worker.provider.model_api import Call
    from media_contracts import Attempt

RETRY: Final = "retry"
"""The reason of a call that is the one before once more."""
REPAIR: Final = "repair"
"""The kind of a call that the ladder asks for."""
_UNCOUNTED: Final = frozenset(
    {leaf.code for leaf in (ProviderThrottled, ProviderDown, ProviderUnreachable, CallCancelled)}
)
_COUNTED: Final = frozenset(leaf.code for leaf in Retryable.__subclasses__()) - _UNCOUNTED
_NOT_GOOD: Final = frozenset(leaf.code for leaf in (AnswerEmpty, AnswerNotJson, AnswerTruncated, AnswerWrongShape))


def of_question(
    attempts: Iterable[Attempt], *, model: str, kind: str = "analysis", segment: int | None = None
) -> tuple[Attempt, ...]:
    """A request's calls to one model about one thing, of all its starts: those of that kind, and their repairs."""
    return tuple(
        attempt
        for attempt in attempts
        if (attempt.model, attempt.segment) == (model, segment) and attempt.kind in {kind, REPAIR}
    )


def counted(attempts: Iterable[Attempt]) -> int:
    """How many of the calls came to nothing and count towards `WORKER_MAX_ATTEMPTS`."""
    return sum(attempt.usage.calls for attempt in attempts if attempt.outcome in _COUNTED)


def not_good(attempts: Iterable[Attempt]) -> int:
    """How many of the calls brought an answer that was not good; they leave fewer tries as well."""
    return sum(attempt.usage.calls for attempt in attempts if attempt.outcome in _NOT_GOOD)


def used(attempts: Sequence[Attempt]) -> int:
    """How many of the calls leave fewer of `WORKER_MAX_ATTEMPTS`."""
    return counted(attempts) + not_good(attempts)


def most_used(attempts: Sequence[Attempt], *, model: str) -> int:
    """The same of what a request has asked the model most often, beside reading aloud."""
    asked = {(attempt.kind, attempt.segment) for attempt in attempts if attempt.kind not in {REPAIR, SPEECH}}
    groups = (of_question(attempts, model=model, kind=kind, segment=segment) for kind, segment in asked)
    return max((used(group) for group in groups), default=0)


def is_tired(attempts: Sequence[Attempt], *, model: str, most: int) -> bool:
    """Whether a later start leaves the model out: it had all its tries, or another was asked after its bad answers."""
    if most_used(attempts, model=model) >= most:
        return True
    own = [index for index, attempt in enumerate(attempts) if attempt.model == model and attempt.kind != SPEECH]
    if not own or attempts[own[-1]].outcome not in _NOT_GOOD:
        return False
    return any(attempt.reason == Rung.FALLBACK for attempt in attempts[own[-1] + 1 :])


def counts(call: Call, fault: AnalysisError, *, in_outage: bool, is_last_model: bool) -> bool:
    """Whether a call counts; what says nothing of the request does not, so that it is tried until its deadline."""
    if isinstance(fault, ProviderUnreachable) and not call.asked:
        return False
    # With a fallback at hand a model in trouble is left after as many tries as any other fault is worth.
    is_throttled = isinstance(fault, ProviderThrottled) and not call.asked
    is_down = isinstance(fault, ProviderDown) or (in_outage and isinstance(fault, ProviderUnreachable))
    return not (is_last_model and (is_throttled or is_down))


class Tries:
    """Calls of one request to one model that came to nothing; either kind has its own count and back-off.

    `before` are those of earlier starts; `answered` the calls of all starts whose answers were not good, which leave
    fewer tries and say nothing of the next back-off.
    """

    def __init__(self, *, before: int, policy: RetryPolicy, answered: int = 0) -> None:
        self._policy = policy
        self._before = before
        self.answered = answered
        self._here = 0
        self._uncounted = 0

    def delay(
        self, fault: AnalysisError, *, is_counted: bool, now: float, deadline: float, random: float
    ) -> float | None:
        """Seconds until the next call; None when it is worth none, or none would be in time (retry.next_delay)."""
        if is_counted:
            self._here += 1
            number, policy = self._before + self._here, self._policy
            if number + self.answered >= policy.max_attempts:
                return None
        else:
            self._uncounted += 1
            number, policy = self._uncounted, replace(self._policy, max_attempts=self._uncounted + 1)
        return next_delay(attempt=number, error=fault, now=now, deadline=deadline, random=random, policy=policy)

    def enough_here(self, delay_seconds: float) -> bool:
        """Whether the next call had better be made later by way of a retry topic, so that the slot is free."""
        return self._here >= self._policy.tries_here or delay_seconds > self._policy.seconds_here
