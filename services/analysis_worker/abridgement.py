"""Pure: a completion that fits no topic in, the same without what can grow out; the whole one is its artifact.

The forms and their order: docs/decisions/0008-too-large.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analysis_worker.prices import total_of
from media_contracts import Attempt, Usage, WarningInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from media_contracts import AnalysisCompleted, Artifact

ROLE: Final = "completion"
"""The role of the artifact that is the whole completion."""
MOST_LISTED: Final = 64
"""Calls that were refused are listed one by one up to so many attempts."""
KEPT_WARNINGS: Final = 32
ABANDONED: Final = "abandoned"
"""The outcome of a call of an earlier start that nobody has closed."""
SHORT_BYTES: Final = 256
MESSAGE_CHARACTERS: Final = 2048


def abridge(completion: AnalysisCompleted, whole: Artifact) -> AnalysisCompleted:
    """Without segments and media, with one attempt for each model and kind, and the warnings that are short.

    Usage and cost are the same, and usage is still the sum over attempts.
    """
    short = [one for one in completion.warnings if len(one.model_dump_json()) <= SHORT_BYTES]
    return completion.model_copy(
        update={
            "artifacts": (*completion.artifacts, whole),
            "attempts": merge(completion.attempts),
            "segments": (),
            "media": (),
            "warnings": (*short[:KEPT_WARNINGS], _notice("attempts are merged; segments, media and long warnings")),
        }
    )


def strip(completion: AnalysisCompleted) -> AnalysisCompleted:
    """What is left when even that does not fit: no labels, no event id, a short error message."""
    error = completion.error
    if error is not None:
        error = error.model_copy(update={"message": error.message[:MESSAGE_CHARACTERS]})
    return completion.model_copy(
        update={
            "labels": {},
            "request": completion.request.model_copy(update={"event_id": None}),
            "error": error,
            "warnings": (_notice("attempts are merged; segments, media, labels, event id and warnings"),),
        }
    )


def merge(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """One attempt for each model and kind, with the number of the first and the sum of usage and cost."""
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.model, attempt.kind), []).append(attempt)
    return tuple(merged(group) for group in groups.values())


def is_free(attempt: Attempt) -> bool:
    """Whether it is known to have cost nothing: refused, or never connected."""
    return attempt.usage.total_tokens == 0 and not attempt.usage.estimated.calls


def add(attempts: tuple[Attempt, ...], attempt: Attempt) -> tuple[Attempt, ...]:
    """The attempts with one more; beyond `MOST_LISTED` one that is free joins the last one if that is alike.

    A provider that throttles for a day refuses a request thousands of times, and each call writes them all down.
    """
    if len(attempts) < MOST_LISTED or not is_free(attempt):
        return (*attempts, attempt)
    last = attempts[-1]
    alike = (last.model, last.kind, last.segment, last.outcome)
    if not is_free(last) or alike != (attempt.model, attempt.kind, attempt.segment, attempt.outcome):
        return (*attempts, attempt)
    return (*attempts[:-1], merged((last, attempt)).model_copy(update={"number": attempt.number}))


def corrected(attempts: tuple[Attempt, ...], known: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """The attempts with what is `known` of calls in the place of the estimates for those that nobody had closed."""
    exact = {attempt.number: attempt for attempt in known}
    return tuple(
        exact.get(attempt.number, attempt) if attempt.outcome == ABANDONED else attempt for attempt in attempts
    )


def merged(group: Sequence[Attempt]) -> Attempt:
    """Attempts of one model and kind as one; what they do not have in common is *mixed*, an unknown cost stays unknown."""
    if len(group) == 1:
        return group[0]
    outcomes, bases = {one.outcome for one in group}, {one.basis for one in group}
    reasons = {one.reason for one in group}
    return group[0].model_copy(
        update={
            "segment": group[0].segment if len({one.segment for one in group}) == 1 else None,
            "outcome": outcomes.pop() if len(outcomes) == 1 else "mixed",
            "basis": bases.pop() if len(bases) == 1 else "mixed",
            "reason": reasons.pop() if len(reasons) == 1 else "mixed",
            "usage": Usage.sum(one.usage for one in group),
            "cost": total_of(one.cost for one in group),
        }
    )


def _notice(what: str) -> WarningInfo:
    return WarningInfo(
        code="abridged", message=f"too large for the topic: {what} are in the artifact with the role {ROLE}"
    )
