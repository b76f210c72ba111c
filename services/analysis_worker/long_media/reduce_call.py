"""Pure: a plan in segments in; the text-only call that makes one answer out of theirs, and what it may cost, out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.errors import InputTooLong
from analysis_worker.limits import check_context
from analysis_worker.long_media.reduce import needs_model, reduction_messages
from analysis_worker.outline import texts_of
from analysis_worker.prices import upper_bound
from analysis_worker.provider.request_body import CallParameters
from analysis_worker.provider.response_schema import response_schema
from analysis_worker.thinking import choose_thinking
from analysis_worker.tokens import InputTokens, PixelChoice, input_tokens
from media_contracts import Estimate

if TYPE_CHECKING:
    from datetime import date

    from analysis_worker.cards import ModelCard
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.long_media.reduce import ToReduce
    from analysis_worker.values import AnalysisPlan
    from media_contracts import AnalysisRequested, Money

KIND: Final = "reduce"
"""What its attempts are."""
_EXPECTED_TOKENS: Final = 1000
"""J: of one segment's answer, for the estimate; the bound takes what it may have at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReductionBound:
    """What a reduction will probably read, and cost at most; without a cost its price is unknown."""

    tokens: InputTokens
    cost: Money | None


def reduction_bound(
    plan: AnalysisPlan, cut: CutPlan, *, card: ModelCard, region: str, day: date
) -> ReductionBound | None:
    """Of the segments' answers; None when they can be put together without a model."""
    if not needs_model(plan.schema, cut.timelines):
        return None
    words = input_tokens(card=card, texts=[plan.profile.prompt, plan.schema.text])
    count, answer_tokens = len(cut.segments), cut.wishes.max_output_tokens(plan.card)
    most = min(words.total + count * answer_tokens, card.context.context_tokens)
    return ReductionBound(
        tokens=words + InputTokens(text=count * min(answer_tokens, _EXPECTED_TOKENS)),
        cost=upper_bound(
            card=card,
            region=region,
            expected=InputTokens(text=most),
            max_output_tokens=min(answer_tokens, card.context.max_output_tokens),
            on=day,
        ),
    )


def reduction_call(
    request: AnalysisRequested,
    whole: AnalysisPlan,
    cut: CutPlan,
    asked: ToReduce,
    *,
    card: ModelCard,
    region: str,
    day: date,
) -> AnalysisPlan:
    """The call that makes one answer; without the timelines' items where the model's context does not take them.

    :raises InputTooLong: when even that is too much.
    """
    parameters = _parameters(whole, cut, asked, card)
    for with_timelines in (True, False):
        messages = reduction_messages(
            asked,
            prompt=whole.profile.prompt_of(cut.wishes.detail.prompt),
            instruction=request.instruction,
            language=request.language,
            with_timelines=with_timelines,
        )
        tokens = input_tokens(card=card, texts=texts_of(messages))
        try:
            check_context(card, input_tokens=tokens.total, max_output_tokens=parameters.max_tokens)
        except InputTooLong:
            if not with_timelines:
                raise
        else:
            break
    bound = upper_bound(
        card=card,
        region=region,
        expected=tokens,
        max_output_tokens=parameters.max_tokens or card.context.max_output_tokens,
        on=day,
    )
    return replace(
        whole,
        model=cut.reduce_model,
        card=card,
        schema=asked.schema,
        media=(),
        messages=messages,
        parameters=parameters,
        pixels=PixelChoice(),
        input_tokens=tokens,
        unseen_tokens=InputTokens(),
        reasoning_tokens=0,
        estimate=Estimate(input_tokens=tokens.total, cost=bound),
        speech=None,
        sound_bytes=0,
        timelines=tuple(pointer for pointer in whole.timelines if pointer not in asked.timelines),
        kind=KIND,
        can_lessen=False,
        cut=None,
    )


def _parameters(whole: AnalysisPlan, cut: CutPlan, asked: ToReduce, card: ModelCard) -> CallParameters:
    thinking = choose_thinking(card, None, wants_json=True)
    by_schema = card.capabilities.json_schema and not thinking.on
    temperature, takes = whole.profile.temperature, card.parameters.temperature
    return CallParameters(
        model=cut.reduce_model,
        json_mode=card.capabilities.json_mode and not thinking.on,
        json_schema=response_schema(asked.schema) if by_schema else None,
        temperature=temperature
        if temperature is not None and takes is not None and takes.allows(temperature)
        else None,
        max_tokens=min(cut.wishes.max_output_tokens(whole.card), card.context.max_output_tokens),
        presence_penalty=None if card.parameters.presence_penalty is None else 0,
        enable_thinking=thinking.enable_thinking,
        reasoning_effort=thinking.reasoning_effort,
        thinking_budget=thinking.budget_tokens,
    )
