"""Pure: how an answer is not good, what was tried, and what is left in; the cheapest next step out.

The rungs by trouble, cheapest first; each stands only while tries, budget and deadline last, and each is tried a
bounded number of times with one model:

    not JSON      take it out of fences or prose (free) > ask again with what was wrong > another model
    wrong shape   ask again once with the faults listed by path > another model
    truncated     continue from the prefix > a higher max_output_tokens > less media > another model
    empty         ask again once > another model
    filtered      nothing: the same input fails again (provider.md §4b)

A call that was cut, stalled or refused is not on the ladder: retry.py decides when it is made again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from analysis_worker.answers.json_inside import Check, take_json_inside
from analysis_worker.errors import (
    AnalysisError,
    AnswerEmpty,
    AnswerNotJson,
    AnswerTruncated,
    AnswerWrongShape,
    Failed,
)
from analysis_worker.values import Findings
from media_contracts import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analysis_worker.provider.stream import Answer
    from media_contracts import Attempt


class Rung(StrEnum):
    """The steps that cost a call, as they are remembered and as an attempt's reason names them."""

    CONTINUE = "continue"
    LONGER = "longer"
    LESS_MEDIA = "less_media"
    FAULTS = "faults"
    FALLBACK = "fallback"


MOST: Final = {Rung.CONTINUE: 3, Rung.LONGER: 3, Rung.LESS_MEDIA: 1, Rung.FAULTS: 1}
"""How often each is tried with one model."""
# A limit that grows by less than this is a second call for the same fragment.
_WORTHWHILE: Final = 1.25
# Twice very little is still very little, and only what is said is paid for.
_ROOM_TOKENS: Final = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class ContinueFrom:
    """Ask for the rest; the answer is then `prefix` and what comes, put together without a change."""

    prefix: str = field(repr=False)
    max_output_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AskLonger:
    """Ask the same with a higher limit."""

    max_output_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AskWithLessMedia:
    """Ask for less at a time: shorter segments, or a lower detail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AskWithFaults:
    """Ask again and say what was wrong; the bad answer itself is not sent back, or it grows with each try."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AskFallback:
    """Ask the next model of the request."""

    fault: AnalysisError


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveToRetry:
    """The answer is not to blame, the call is: retry.py and tries.py decide."""

    fault: AnalysisError


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveUp:
    """The request ends with this fault."""

    fault: AnalysisError


Remedy: TypeAlias = ContinueFrom | AskLonger | AskWithLessMedia | AskWithFaults | AskFallback | LeaveToRetry | GiveUp


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What the model can do and what the request has left.

    `max_output_tokens` is the limit of the last call, `card_max_output_tokens` the model's own. `affordable_tokens` is
    how many output tokens of one more call with the same input the rest of `max_cost` pays for; None: no budget.
    `call_seconds` is how long the last call took; none is begun that may not end before the deadline.
    """

    max_output_tokens: int
    card_max_output_tokens: int
    calls_left: int
    seconds_left: float
    call_seconds: float = 0.0
    affordable_tokens: int | None = None
    can_continue: bool = False
    can_lessen: bool = False
    has_fallback: bool = False


def take_inside(fault: AnswerNotJson, *, answer: Answer, max_output_tokens: int, check: Check) -> Findings:
    """Return the document inside an answer that is not wholly JSON: the rung that costs nothing.

    `check` is validate.checker's.

    :raises AnswerTruncated: for a fragment: some servers say stop at the limit.
    :raises AnswerWrongShape: when there is one document inside, and it does not fit.
    :raises AnswerNotJson: `fault`, when there is none.
    """
    if _reached_limit(answer, max_output_tokens):
        raise AnswerTruncated(f"{fault.message}, and it has the {max_output_tokens} tokens of its limit") from fault
    try:
        taken = take_json_inside(answer.text, check=check)
    except AnswerNotJson:
        raise fault from None
    return Findings(json_text=taken.text, value=taken.value)


def remedy(fault: AnalysisError, *, answer: Answer | None, tried: Sequence[Rung], means: Means) -> Remedy:
    """Return the step after `take_inside`. `tried` are the rungs of what was asked, with this model."""
    if means.calls_left <= 0 or means.seconds_left <= means.call_seconds:
        return _without_a_call(fault)
    step = _same_model(fault, answer=answer, counts=Counter(tried), means=means)
    if step is not None:
        return step
    on_ladder = isinstance(fault, AnswerNotJson | AnswerWrongShape | AnswerTruncated | AnswerEmpty)
    return AskFallback(fault=fault) if on_ladder and means.has_fallback else _without_a_call(fault)


def rung_of(step: Remedy) -> Rung | None:
    """Return what the next attempt says as its `reason`; None for what is no call of the ladder's."""
    match step:
        case ContinueFrom():
            return Rung.CONTINUE
        case AskLonger():
            return Rung.LONGER
        case AskWithLessMedia():
            return Rung.LESS_MEDIA
        case AskWithFaults():
            return Rung.FAULTS
        case AskFallback():
            return Rung.FALLBACK
        case LeaveToRetry() | GiveUp():
            return None
        case _:
            assert_never(step)


def tried_in(attempts: Iterable[Attempt]) -> tuple[Rung, ...]:
    """Return the rungs that calls were made on, of all starts: what the attempts give as their reason."""
    known = {rung.value for rung in Rung}
    return tuple(Rung(one.reason) for one in attempts if one.reason in known)


def _without_a_call(fault: AnalysisError) -> Remedy:
    # What may be tried again is left to those who count its tries and know its deadline, also when none is left.
    return GiveUp(fault=fault) if isinstance(fault, Failed) else LeaveToRetry(fault=fault)


def _same_model(
    fault: AnalysisError, *, answer: Answer | None, counts: Counter[Rung], means: Means
) -> ContinueFrom | AskLonger | AskWithLessMedia | AskWithFaults | None:
    """The cheapest step with the same model, or None."""
    if isinstance(fault, AnswerTruncated):
        return _for_truncated(answer, counts, means)
    is_askable = isinstance(fault, AnswerNotJson | AnswerWrongShape | AnswerEmpty)
    if is_askable and counts[Rung.FAULTS] < MOST[Rung.FAULTS] and _affords(means, means.max_output_tokens):
        return AskWithFaults(faults=_listed(fault))
    return None


def _for_truncated(
    answer: Answer | None, counts: Counter[Rung], means: Means
) -> ContinueFrom | AskLonger | AskWithLessMedia | None:
    prefix = answer.text if answer is not None else ""
    limit = means.max_output_tokens
    if means.can_continue and prefix and counts[Rung.CONTINUE] < MOST[Rung.CONTINUE] and _affords(means, limit):
        return ContinueFrom(prefix=prefix, max_output_tokens=limit)
    higher = higher_limit(means)
    if counts[Rung.LONGER] < MOST[Rung.LONGER] and higher >= limit * _WORTHWHILE:
        return AskLonger(max_output_tokens=higher)
    if means.can_lessen and counts[Rung.LESS_MEDIA] < MOST[Rung.LESS_MEDIA] and _affords(means, limit):
        return AskWithLessMedia()
    return None


def higher_limit(means: Means) -> int:
    """Return the next higher limit that model and money allow; it may be no higher."""
    higher = min(max(2 * means.max_output_tokens, _ROOM_TOKENS), means.card_max_output_tokens)
    return higher if means.affordable_tokens is None else min(higher, means.affordable_tokens)


def _affords(means: Means, output_tokens: int) -> bool:
    return means.affordable_tokens is None or means.affordable_tokens >= output_tokens


def require_end(answer: Answer, max_output_tokens: int) -> None:
    """Whether words came to their end: some servers say stop at the limit. One that ignores the limit goes beyond it.

    :raises AnswerTruncated: when they have just the tokens of their limit.
    """
    if _answer_tokens(answer) == max_output_tokens:
        raise AnswerTruncated(f"the answer has just the {max_output_tokens} tokens of its limit")


def _reached_limit(answer: Answer, max_output_tokens: int) -> bool:
    return _answer_tokens(answer) >= max_output_tokens


def _answer_tokens(answer: Answer) -> int:
    """Tokens towards the limit, 0 without a report: neither reasoning nor sound counts (provider.md §2c, max_tokens)."""
    usage = answer.usage
    return usage.completion_tokens - (usage.output_reasoning or 0) - (usage.output_audio or 0) if usage else 0


def _listed(fault: AnalysisError) -> tuple[Fault, ...]:
    if isinstance(fault, AnswerWrongShape) and fault.faults:
        return fault.faults
    return (Fault(path="", message=fault.message),)
