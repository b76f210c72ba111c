"""Pure: what a request says about reasoning and what a model can do in, the fields of the call out, or a rejection.

JSON mode and thinking exclude each other (400 `Json mode response is not supported when enable_thinking is true`, ERR),
so a model that thinks by default is told not to when JSON is wanted. Who asks for both gets thinking: the schema is in
the prompt anyway, and every answer is validated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis_worker.errors import ParameterInvalid
from analysis_worker.limits import check_features, check_parameters

if TYPE_CHECKING:
    from analysis_worker.cards import ModelCard
    from media_contracts import Reasoning

NO_EFFORT: Final = "none"
"""The effort that switches thinking off where `reasoning_effort` is the switch (CHAT)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thinking:
    """Whether the model thinks, and the fields that say so; null is not sent."""

    on: bool
    enable_thinking: bool | None = None
    reasoning_effort: str | None = None
    budget_tokens: int | None = None

    def most_tokens(self, card: ModelCard) -> int:
        """The most reasoning that is paid for; without a budget as much as the longest answer (no source bounds it)."""
        if not self.on:
            return 0
        return card.context.max_output_tokens if self.budget_tokens is None else self.budget_tokens


def choose_thinking(card: ModelCard, asked: Reasoning | None, *, wants_json: bool) -> Thinking:
    """Decide whether this call thinks.

    Effort or budget alone ask for thinking. Raises `FeatureUnsupported` for a model that cannot, `ParameterInvalid`
    for an effort or a budget that the model does not know and for wishes that contradict each other.
    """
    enabled, effort, budget = (asked.enabled, asked.effort, asked.budget_tokens) if asked else (None, None, None)
    if effort is not None and budget is not None:
        raise ParameterInvalid(
            f"reasoning effort {effort!r} and a budget of {budget} tokens exclude each other; ask for one of them"
        )
    wished = _wished(enabled, effort, budget)
    if wished:
        check_features(card, thinking=True, effort=effort)
        check_parameters(card, thinking_budget=budget)
    by_default = card.capabilities.thinking == "on_by_default"
    on = wished if wished is not None else by_default and not wants_json
    return _fields(card, on=on, by_default=by_default, effort=effort, budget=budget)


def _wished(enabled: bool | None, effort: str | None, budget: int | None) -> bool | None:  # noqa: FBT001
    """True or false where the request says anything, else null."""
    implied = None if effort is None and budget is None else effort != NO_EFFORT
    if enabled is not None and implied is not None and enabled != implied:
        said = f"effort {effort!r}" if effort is not None else f"a budget of {budget} tokens"
        raise ParameterInvalid(f"reasoning.enabled is {str(enabled).lower()} and {said} says otherwise; leave one out")
    return implied if enabled is None else enabled


def _fields(card: ModelCard, *, on: bool, by_default: bool, effort: str | None, budget: int | None) -> Thinking:
    """Nothing is sent that the model does by itself: not every model takes the field that says so."""
    by_effort = card.capabilities.thinking_switch == "reasoning_effort"
    if not on:
        return Thinking(
            on=False,
            enable_thinking=False if by_default and not by_effort else None,
            reasoning_effort=NO_EFFORT if by_default and by_effort else None,
        )
    return Thinking(
        on=True,
        enable_thinking=True if not by_default and not by_effort else None,
        reasoning_effort=effort,
        budget_tokens=budget,
    )
