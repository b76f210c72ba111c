"""Thinking: what a request may say, what each model is told, and what it may cost."""

from __future__ import annotations

import pytest

from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import FeatureUnsupported, ParameterInvalid
from analysis_worker.thinking import Thinking, choose_thinking
from media_contracts import Reasoning

CATALOGUE = load_catalogue()
NEWEST, PLUS, FLASH, TURBO, TEXT = (
    CATALOGUE.card(name)
    for name in ("qwen3.8-omni-flash", "qwen3.5-omni-plus", "qwen3-omni-flash", "qwen-omni-turbo", "qwen-plus")
)


def chosen(card, *, wants_json=True, **asked):
    return choose_thinking(card, Reasoning(**asked) if asked else None, wants_json=wants_json)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (NEWEST, Thinking(on=False, reasoning_effort="none")),
        (PLUS, Thinking(on=False)),
        (FLASH, Thinking(on=False)),
        (TURBO, Thinking(on=False)),
        (TEXT, Thinking(on=False)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_model_that_thinks_by_default_is_told_not_to_when_json_is_wanted(card, expected):
    assert chosen(card) == expected
    assert chosen(card, enabled=False) == expected


def test_it_is_left_alone_when_words_are_wanted():
    assert chosen(NEWEST, wants_json=False) == Thinking(on=True)
    assert chosen(NEWEST, wants_json=False, enabled=False) == Thinking(on=False, reasoning_effort="none")
    assert chosen(FLASH, wants_json=False) == Thinking(on=False)


@pytest.mark.parametrize(
    ("card", "asked", "expected"),
    [
        (NEWEST, {"enabled": True}, Thinking(on=True)),
        (NEWEST, {"effort": "low"}, Thinking(on=True, reasoning_effort="low")),
        (NEWEST, {"enabled": True, "effort": "xhigh"}, Thinking(on=True, reasoning_effort="xhigh")),
        (NEWEST, {"effort": "none"}, Thinking(on=False, reasoning_effort="none")),
        (NEWEST, {"budget_tokens": 500}, Thinking(on=True, budget_tokens=500)),
        (FLASH, {"enabled": True}, Thinking(on=True, enable_thinking=True)),
        (TEXT, {"enabled": True, "budget_tokens": 9}, Thinking(on=True, enable_thinking=True, budget_tokens=9)),
    ],
)
def test_who_asks_for_thinking_gets_it_by_the_models_own_switch(card, asked, expected):
    assert chosen(card, **asked) == expected


@pytest.mark.parametrize(
    ("card", "asked", "fault"),
    [
        (PLUS, {"enabled": True}, FeatureUnsupported),
        (PLUS, {"effort": "low"}, FeatureUnsupported),
        (TURBO, {"budget_tokens": 5}, FeatureUnsupported),
        (FLASH, {"budget_tokens": 5}, FeatureUnsupported),
        (FLASH, {"effort": "low"}, ParameterInvalid),
        (NEWEST, {"effort": "heroic"}, ParameterInvalid),
        (NEWEST, {"effort": "low", "budget_tokens": 5}, ParameterInvalid),
        (NEWEST, {"budget_tokens": 0}, ParameterInvalid),
        (NEWEST, {"budget_tokens": 131_073}, ParameterInvalid),
        (NEWEST, {"enabled": False, "effort": "low"}, ParameterInvalid),
        (NEWEST, {"enabled": True, "effort": "none"}, ParameterInvalid),
        (NEWEST, {"enabled": False, "budget_tokens": 5}, ParameterInvalid),
    ],
)
def test_what_a_model_cannot_and_what_contradicts_itself_is_rejected(card, asked, fault):
    with pytest.raises(fault):
        chosen(card, **asked)


def test_reasoning_is_bounded_by_its_budget_or_the_longest_answer():
    assert chosen(NEWEST).most_tokens(NEWEST) == 0
    assert chosen(NEWEST, budget_tokens=500).most_tokens(NEWEST) == 500
    assert chosen(FLASH, enabled=True).most_tokens(FLASH) == 16_384
