"""Pure: a planned call and how its answer is not good in, what is left for the next one, and that call's plan, out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.answers.ladder import (
    AskFallback,
    AskLonger,
    AskWithFaults,
    ContinueFrom,
    LeaveToRetry,
    Means,
    Rung,
    higher_limit,
    remedy,
    rung_of,
    tried_in,
)
from analysis_worker.answers.re_ask import continued, fault_list, with_faults
from analysis_worker.errors import AnswerEmpty, ProviderRefused
from analysis_worker.speech import KIND as SPEECH
from analysis_worker.tokens import InputTokens, text_tokens
from media_contracts import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analysis_worker.answers.ladder import Remedy
    from analysis_worker.errors import AnalysisError
    from analysis_worker.provider.stream import Answer
    from analysis_worker.values import AnalysisPlan
    from media_contracts import Attempt, Money

    Bound = Callable[[AnalysisPlan], Money | None]
    """What one call by a plan may cost at most (Accounts.bound)."""

_MANY: Final = 1_000_000


def next_step(
    plan: AnalysisPlan, fault: AnalysisError, *, answer: Answer | None, asked: Sequence[Attempt], means: Means
) -> Remedy:
    """What the ladder says; `asked` are the calls so far about the same thing, of all starts.

    Reading aloud has no ladder, and words no shape that could be asked for again.
    """
    if plan.kind == SPEECH or (plan.profile.free_text and isinstance(fault, AnswerEmpty)):
        return LeaveToRetry(fault=fault)
    if plan.is_repair and isinstance(fault, ProviderRefused) and means.has_fallback:
        return AskFallback(fault=fault)  # what is refused is what the ladder changed, not the request
    return remedy(fault, answer=answer, tried=tried_in(asked), means=means)


def affordable_tokens(plan: AnalysisPlan, money_left: Money, *, bound: Bound) -> int:
    """How long an answer to the same input the money pays for; a bound grows evenly with the answer's tokens."""
    shortest, longest = (bound(_limited(plan, tokens)) for tokens in (1, 1 + _MANY))
    if shortest is None or longest is None or shortest.currency != money_left.currency:
        return 0
    each = (longest.decimal - shortest.decimal) / _MANY
    if each <= 0:
        return plan.card.context.max_output_tokens
    return max(math.floor((money_left.decimal - shortest.decimal) / each) + 1, 0)


def repaired(plan: AnalysisPlan, step: ContinueFrom | AskLonger | AskWithFaults, *, bound: Bound) -> AnalysisPlan:
    """The next call of the same model with the same media, with its estimate."""
    rung = rung_of(step)
    plan = replace(plan, is_repair=True, reason=rung.value if rung else None)
    # What was asked first: the rest of an answer is asked for by a message at the end.
    asked = plan.messages[:-1] if plan.prefix else plan.messages
    match step:
        case AskLonger(max_output_tokens=tokens):
            plan = _limited(plan, tokens)
        case ContinueFrom(prefix=prefix, max_output_tokens=tokens):
            plan = _limited(_longer_input(plan, prefix[len(plan.prefix) :]), tokens)
            # A decoder that is held to JSON writes a document of its own, not the rest of one.
            parameters = replace(plan.parameters, json_mode=False, json_schema=None)
            plan = replace(plan, messages=continued(asked, prefix), prefix=prefix, parameters=parameters)
        case AskWithFaults(faults=faults):
            plan = replace(_longer_input(plan, fault_list(faults)), messages=with_faults(asked, faults), prefix="")
        case _:
            assert_never(step)
    return replace(plan, estimate=Estimate(input_tokens=plan.input_tokens.total, cost=bound(plan)))


def resumed(plan: AnalysisPlan, asked: Sequence[Attempt], *, means: Means, bound: Bound) -> AnalysisPlan:
    """The call from which a later start goes on: with the limit to which earlier ones had raised it.

    `asked` are theirs. What was wrong with an answer is not kept, so that is asked about as at first.
    """
    for _ in range(tried_in(asked).count(Rung.LONGER)):
        means = replace(means, max_output_tokens=plan.max_output_tokens)
        if (tokens := higher_limit(means)) > plan.max_output_tokens:
            plan = repaired(plan, AskLonger(max_output_tokens=tokens), bound=bound)
    return plan


def _limited(plan: AnalysisPlan, max_output_tokens: int) -> AnalysisPlan:
    return replace(plan, parameters=replace(plan.parameters, max_tokens=max_output_tokens))


def _longer_input(plan: AnalysisPlan, text: str) -> AnalysisPlan:
    return replace(plan, input_tokens=plan.input_tokens + InputTokens(text=text_tokens(text)))
