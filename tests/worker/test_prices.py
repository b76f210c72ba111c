"""Prices: the seeds' bills to the last digit, what is free, what is unknown, and the bound a budget is held to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker.cards import PriceChange
from analysis_worker.catalogue import load_catalogue
from analysis_worker.prices import price, upper_bound
from analysis_worker.tokens import InputTokens
from media_contracts import EstimatedUsage, InputUsage, OutputUsage, Usage

CATALOGUE = load_catalogue()
TURBO = CATALOGUE.card("qwen-omni-turbo")
FLASH = CATALOGUE.card("qwen3-omni-flash")
NEWEST = CATALOGUE.card("qwen3.8-omni-flash")


def usage(*, cached=0, reasoning=0, spoken=0, written=0, **inputs):
    entered = {"text": 0, "image": 0, "video": 0, "audio": 0} | inputs
    heard, said = sum(entered.values()), written + spoken + reasoning
    return Usage(
        input_tokens=heard,
        output_tokens=said,
        total_tokens=heard + said,
        input=InputUsage(**entered),
        cached_input_tokens=cached,
        output=OutputUsage(text=written, audio=spoken, reasoning=reasoning),
        calls=1,
    )


def unsplit(heard, said, **more):
    return Usage(input_tokens=heard, output_tokens=said, total_tokens=heard + said, calls=1, **more)


@pytest.mark.parametrize(("tariff", "amount"), [("live", "0.0064"), ("batch", "0.0032")])
def test_the_bill_of_the_first_seed_is_right_to_the_last_digit(tariff, amount):
    # 000_d822c83e2c1d0130.txt: 1,000 text and 1,000 image in, 1,000 text out.
    cost = price(
        usage=usage(text=1000, image=1000, written=1000), card=TURBO, region="beijing", speech=False, tariff=tariff
    )
    assert cost is not None
    assert (cost.amount, cost.currency, cost.price_list, cost.tariff) == (
        amount,
        "CNY",
        "alibaba-beijing-2026-09",
        tariff,
    )


@pytest.mark.parametrize(("tariff", "amount"), [("live", "0.0519"), ("batch", "0.02595")])
def test_the_bill_of_the_speech_seed_is_right_and_its_text_is_free(tariff, amount):
    # 002_7d3c51009fde6181.txt: as above, and 1,000 audio out; the seed labels the audio's price as text.
    cost = price(
        usage=usage(text=1000, image=1000, written=1000, spoken=1000),
        card=TURBO,
        region="beijing",
        speech=True,
        tariff=tariff,
    )
    assert cost is not None
    assert cost.amount == amount
    assert cost.by["output_text"] == "0"
    assert Decimal(cost.by["output_audio"]) > 0


@pytest.mark.parametrize(
    ("name", "region", "video", "audio", "amount"),
    [
        ("qwen3.5-omni-plus", "beijing", 35_642, 420, "0.307254"),
        ("qwen3.5-omni-flash", "beijing", 35_642, 420, "0.0977124"),
        ("qwen3-omni-flash", "beijing", 15_842, 750, "0.0751886"),
        ("qwen-omni-turbo", "beijing", 15_602, 1_000, "0.052203"),
        ("qwen3.8-omni-flash", "international", 35_642, 420, "0.0058603"),
    ],
)
def test_a_minute_of_film_costs_what_was_worked_out_by_hand(name, region, video, audio, amount):
    cost = price(
        usage=usage(text=500, video=video, audio=audio, written=800),
        card=CATALOGUE.card(name),
        region=region,
        speech=False,
    )
    assert cost is not None
    assert cost.amount == amount


def test_text_out_is_dearer_after_media_than_after_text():
    after_text = price(usage=usage(text=1, written=1_000_000), card=FLASH, region="beijing", speech=False)
    after_media = price(usage=usage(text=1, image=1, written=1_000_000), card=FLASH, region="beijing", speech=False)
    assert after_text is not None
    assert after_media is not None
    assert (after_text.by["output_text"], after_media.by["output_text"]) == ("6.9", "12.7")


def test_an_answer_without_audio_pays_for_its_text_though_speech_was_asked_for():
    cost = price(usage=usage(text=10, written=1_000_000), card=FLASH, region="beijing", speech=True)
    assert cost is not None
    assert cost.by["output_text"] == "6.9"


def test_reasoning_costs_what_text_out_costs():
    cost = price(usage=usage(text=1000, written=0, reasoning=1000), card=FLASH, region="beijing", speech=False)
    assert cost is not None
    assert cost.by["reasoning"] == "0.0069"


def test_cached_input_has_its_own_price_where_one_is_published():
    cost = price(usage=usage(text=1000, image=9000, cached=4000), card=NEWEST, region="international", speech=False)
    assert cost is not None
    assert cost.by == {"input_image": "0.0009", "cached_input": "0.000064"}
    undiscounted = price(usage=usage(text=1000, image=9000, cached=4000), card=FLASH, region="beijing", speech=False)
    assert undiscounted is not None
    assert undiscounted.by == {"input_text": "0.0018", "input_image": "0.0297"}


@pytest.mark.parametrize(
    ("name", "region", "tariff"),
    [
        ("qwen3.8-omni-flash", "beijing", "live"),
        ("qwen2.5-omni-7b", "beijing", "live"),
        ("qwen-plus", "beijing", "live"),
        ("qwen3.5-omni-plus", "atlantis", "live"),
        ("qwen3.5-omni-plus", "beijing", "batch"),
        ("qwen-omni-turbo", "singapore", "batch"),
    ],
)
def test_what_has_no_price_costs_null_and_not_zero(name, region, tariff):
    card = CATALOGUE.card(name)
    assert price(usage=usage(text=1), card=card, region=region, speech=False, tariff=tariff) is None
    bound = upper_bound(
        card=card, region=region, expected=InputTokens(text=1), max_output_tokens=1, speech=False, tariff=tariff
    )
    assert bound is None


def test_audio_from_a_model_without_a_price_for_it_costs_null():
    assert price(usage=usage(text=1, spoken=5), card=NEWEST, region="international", speech=True) is None


def test_no_tokens_cost_nothing_and_that_is_known():
    cost = price(usage=Usage.none(), card=TURBO, region="beijing", speech=False)
    assert cost is not None
    assert (cost.amount, cost.by) == ("0", {})


def test_an_unreported_split_is_priced_at_the_dearest_and_says_so():
    cost = price(usage=unsplit(1_000_000, 1_000_000), card=TURBO, region="beijing", speech=True)
    assert cost is not None
    assert cost.by == {"input_unsplit": "25", "output_unsplit": "50"}


def test_a_modality_that_the_request_lacked_does_not_make_the_unreported_dearer():
    cost = price(
        usage=unsplit(1_000_000, 1_000_000),
        card=TURBO,
        region="beijing",
        speech=False,
        expected=InputTokens(text=10, image=1000),
    )
    assert cost is not None
    assert cost.by == {"input_unsplit": "1.5", "output_text": "4.5"}


def test_unreported_tokens_that_can_only_be_text_are_text():
    cost = price(
        usage=unsplit(1_000_000, 1_000_000), card=TURBO, region="beijing", speech=False, expected=InputTokens(text=10)
    )
    assert cost is not None
    assert cost.by == {"input_text": "0.4", "output_text": "1.6"}


def test_a_call_that_was_cut_off_is_priced_by_the_split_of_its_own_estimate():
    cut = unsplit(2000, 0, estimated=EstimatedUsage(calls=1, input_tokens=2000, output_tokens=0))
    cost = price(usage=cut, card=TURBO, region="beijing", speech=False, expected=InputTokens(text=1000, image=1000))
    assert cost is not None
    assert cost.by == {"input_text": "0.0004", "input_image": "0.0015"}


def test_the_bound_is_the_input_with_a_margin_and_the_whole_answer():
    bound = upper_bound(
        card=TURBO,
        region="beijing",
        expected=InputTokens(text=1000, image=1000),
        max_output_tokens=1000,
        margin=Decimal("1.1"),
    )
    assert bound is not None
    assert (bound.amount, bound.currency) == ("0.00659", "CNY")
    spoken = upper_bound(
        card=TURBO, region="beijing", expected=InputTokens(text=1000), max_output_tokens=1000, speech=True
    )
    assert spoken is not None
    assert spoken.amount == "0.05048"


COUNTS = st.integers(0, 5_000_000)


@given(
    name=st.sampled_from(["qwen3.5-omni-plus", "qwen3-omni-flash", "qwen-omni-turbo"]),
    text=COUNTS,
    image=COUNTS,
    video=COUNTS,
    audio=COUNTS,
    written=COUNTS,
    reasoning=COUNTS,
)
@settings(max_examples=150, deadline=None)
def test_a_call_within_its_plan_never_costs_more_than_the_bound(*, name, text, image, video, audio, written, reasoning):
    card = CATALOGUE.card(name)
    expected = InputTokens(text=text, image=image, video=video, audio=audio)
    bound = upper_bound(
        card=card,
        region="beijing",
        expected=expected,
        max_output_tokens=written,
        max_reasoning_tokens=reasoning,
        margin=Decimal(1),
    )
    spent = usage(text=text, image=image, video=video, audio=audio, written=written, reasoning=reasoning)
    cost = price(usage=spent, card=card, region="beijing", speech=False)
    assert bound is not None
    assert cost is not None
    assert cost.decimal <= bound.decimal
    assert sum(map(Decimal, cost.by.values()), Decimal(0)) == cost.decimal


@given(text=COUNTS, image=COUNTS, video=COUNTS, audio=COUNTS, written=COUNTS, spoken=COUNTS)
@settings(max_examples=150, deadline=None)
def test_not_knowing_the_split_never_makes_a_call_cheaper(*, text, image, video, audio, written, spoken):
    exact = price(
        usage=usage(text=text, image=image, video=video, audio=audio, written=written, spoken=spoken),
        card=FLASH,
        region="beijing",
        speech=True,
    )
    dark = price(
        usage=unsplit(text + image + video + audio, written + spoken), card=FLASH, region="beijing", speech=True
    )
    assert exact is not None
    assert dark is not None
    assert dark.decimal >= exact.decimal


SEARCHES = TURBO.model_copy(
    update={"prices": {"beijing": TURBO.prices["beijing"].model_copy(update={"search_call": Decimal("0.01")})}}
)


def test_a_search_has_its_own_price_and_an_unknown_one_is_not_zero():
    spent = usage(text=1000, written=1000)

    def cost(card, searches):
        found = price(usage=spent, card=card, region="beijing", speech=False, searches=searches)
        return found and found.by

    assert cost(SEARCHES, 0) == {"input_text": "0.0004", "output_text": "0.0016"}
    assert cost(SEARCHES, 3) == {"input_text": "0.0004", "output_text": "0.0016", "search": "0.03"}
    assert cost(SEARCHES, None) is None
    assert cost(TURBO, 1) is None


def test_nothing_bounds_what_a_model_searches():
    bound = {"card": SEARCHES, "region": "beijing", "expected": InputTokens(text=1), "max_output_tokens": 1}
    assert upper_bound(**bound, search=True) is None
    assert upper_bound(**bound) is not None


def test_the_prices_are_those_of_the_day():
    change = PriceChange(name="later", input_text=Decimal(1))
    prices = TURBO.prices["beijing"].model_copy(update={"changes": {date(2027, 1, 1): change}})
    card = TURBO.model_copy(update={"prices": {"beijing": prices}})

    def cost(day):
        found = price(usage=usage(text=1_000_000), card=card, region="beijing", speech=False, on=day)
        return found.amount, found.price_list

    assert cost(None) == cost(date(2026, 12, 31)) == ("0.4", "alibaba-beijing-2026-09")
    assert cost(date(2027, 1, 1)) == ("1", "later")
    bound = {"card": card, "region": "beijing", "expected": InputTokens(text=1_000_000), "max_output_tokens": 0}
    assert upper_bound(**bound, on=date(2027, 1, 1), margin=Decimal(1)).amount == "1"


def test_reasoning_is_in_the_bound_at_the_price_of_text_out():
    bound = {"card": FLASH, "region": "beijing", "expected": InputTokens(text=1), "margin": Decimal(0)}
    assert upper_bound(**bound, max_output_tokens=1000).amount == "0.0069"
    assert upper_bound(**bound, max_output_tokens=1000, max_reasoning_tokens=2000).amount == "0.0207"
