"""The next call after an answer that was not good: what it says, how long its answer may be, and what it may cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from analysis_worker.accounts import Accounts
from analysis_worker.answers.ladder import (
    AskFallback,
    AskLonger,
    AskWithFaults,
    ContinueFrom,
    GiveUp,
    LeaveToRetry,
    Means,
)
from analysis_worker.answers.repair import affordable_tokens, next_step, repaired, resumed
from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import AnswerEmpty, AnswerTruncated, AnswerWrongShape, ProviderRefused
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import Message, TextPart
from analysis_worker.provider.request_body import CallParameters
from analysis_worker.tokens import InputTokens, PixelChoice
from analysis_worker.values import AnalysisPlan
from media_contracts import Attempt, Estimate, Fault, Money, Usage

CATALOGUE = load_catalogue(None)
PROFILES = load_profiles(None)
MODEL = "qwen3.5-omni-plus"
BOUND = Accounts(catalogue=CATALOGUE, region="beijing").bound
AMPLE = Means(max_output_tokens=100, card_max_output_tokens=65_536, calls_left=4, seconds_left=600.0)


@pytest.fixture
def plan():
    profile = PROFILES.get("describe")
    planned = AnalysisPlan(
        model=MODEL,
        card=CATALOGUE.card(MODEL),
        profile=profile,
        schema=profile.schema,
        media=(),
        messages=(Message(role="user", parts=(TextPart(text="Describe."),)),),
        parameters=CallParameters(model=MODEL, json_mode=True, max_tokens=100),
        pixels=PixelChoice(),
        input_tokens=InputTokens(text=1000),
        unseen_tokens=InputTokens(),
        estimate=Estimate(input_tokens=1000),
    )
    return replace(planned, estimate=Estimate(input_tokens=1000, cost=BOUND(planned)))


def words(plan):
    return [(message.role, "".join(part.text for part in message.parts)) for message in plan.messages]


def test_a_longer_answer_is_the_same_question_with_a_higher_bound(plan):
    longer = repaired(plan, AskLonger(max_output_tokens=1100), bound=BOUND)
    assert (longer.messages, longer.parameters.max_tokens, longer.reason) == (plan.messages, 1100, "longer")
    # 1,000 more tokens of text after text alone: 24 CNY a million.
    more = longer.estimate.cost.decimal - plan.estimate.cost.decimal
    assert more == 1000 * CATALOGUE.card(MODEL).prices["beijing"].output_text_after_text / 1_000_000


def test_what_was_wrong_is_said_and_counted(plan):
    fault = Fault(path="/a/0", message="must be a number")
    again = repaired(plan, AskWithFaults(faults=(fault,)), bound=BOUND)
    assert "- /a/0: must be a number" in words(again)[-1][1]
    assert again.input_tokens.text > 1010
    assert again.estimate.cost.decimal > plan.estimate.cost.decimal


def test_the_rest_is_asked_for_from_all_that_was_said_so_far(plan):
    first = repaired(plan, ContinueFrom(prefix='{"a": "x', max_output_tokens=100), bound=BOUND)
    second = repaired(first, ContinueFrom(prefix='{"a": "x y z', max_output_tokens=100), bound=BOUND)
    assert words(first) == [("user", "Describe."), ("assistant", '{"a": "x')]
    assert words(second) == [("user", "Describe."), ("assistant", '{"a": "x y z')]
    assert (second.prefix, second.parameters.json_mode) == ('{"a": "x y z', False)
    assert plan.input_tokens.text < first.input_tokens.text < second.input_tokens.text < 1020
    anew = repaired(second, AskWithFaults(faults=(Fault(path="", message="no JSON"),)), bound=BOUND)
    assert (len(anew.messages), anew.prefix) == (1, "")


@pytest.mark.parametrize("tokens", [1, 99, 2_000, 60_000])
def test_the_money_that_is_left_pays_for_so_many_tokens_and_not_one_more(plan, tokens):
    money = BOUND(replace(plan, parameters=replace(plan.parameters, max_tokens=tokens)))
    assert affordable_tokens(plan, money, bound=BOUND) == tokens
    less = Money.of(money.decimal - Decimal("0.000001"), money.currency)
    assert affordable_tokens(plan, less, bound=BOUND) == tokens - 1


def test_another_currency_and_an_empty_purse_pay_for_nothing(plan):
    assert affordable_tokens(plan, Money(amount="100", currency="USD"), bound=BOUND) == 0
    assert affordable_tokens(plan, Money(amount="0", currency="CNY"), bound=BOUND) == 0


def asked(*reasons):
    return [
        Attempt(
            number=number, kind="repair", model=MODEL, outcome="x", usage=Usage.none(), basis="reported", reason=reason
        )
        for number, reason in enumerate(reasons, 1)
    ]


def test_a_later_start_goes_on_with_the_limit_to_which_an_earlier_one_had_raised_it(plan):
    def limit(*reasons, means=AMPLE):
        found = resumed(plan, asked(*reasons), means=means, bound=BOUND)
        assert found.estimate.cost == BOUND(found)
        return found.parameters.max_tokens

    assert resumed(plan, asked(None, "retry", "faults"), means=AMPLE, bound=BOUND) == plan
    assert [limit("longer"), limit(None, "longer", "retry", "longer")] == [1024, 2048]
    assert limit("longer", "longer", means=replace(AMPLE, affordable_tokens=1500)) == 1500
    assert limit("longer", means=replace(AMPLE, affordable_tokens=50)) == 100
    assert limit("longer", means=replace(AMPLE, card_max_output_tokens=100)) == 100


def test_reading_aloud_and_free_words_have_no_ladder(plan):
    wrong, empty = AnswerWrongShape("x"), AnswerEmpty("x")
    spoken = replace(plan, kind="speech")
    assert next_step(spoken, wrong, answer=None, asked=(), means=AMPLE) == LeaveToRetry(fault=wrong)
    free = replace(plan, profile=PROFILES.get("converse"))
    assert next_step(free, empty, answer=None, asked=(), means=AMPLE) == LeaveToRetry(fault=empty)
    assert isinstance(next_step(free, AnswerTruncated("x"), answer=None, asked=(), means=AMPLE), AskLonger)


def test_a_repair_that_is_refused_leaves_the_request_to_the_next_model(plan):
    refused = ProviderRefused("Range of max_tokens should be [1, 200]", http_status=400)
    longer = repaired(plan, AskLonger(max_output_tokens=1024), bound=BOUND)
    more = replace(AMPLE, has_fallback=True)
    assert isinstance(next_step(longer, refused, answer=None, asked=(), means=more), AskFallback)
    assert isinstance(next_step(longer, refused, answer=None, asked=(), means=AMPLE), GiveUp)
    assert isinstance(next_step(plan, refused, answer=None, asked=(), means=more), GiveUp)
