"""Pure: amounts are decimal strings, exact, and never JSON numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from media_contracts import Cost, Money
from tests.contracts.strategies import amounts, money


@given(amounts)
def test_a_decimal_of_nine_places_survives_the_way_through_money(amount):
    assert Money.of(amount, "USD").decimal == amount


@given(money)
def test_money_survives_the_way_through_json(value):
    assert Money.model_validate_json(value.model_dump_json()) == value


@given(amounts)
def test_the_same_amount_always_has_the_same_text(amount):
    assert Money.of(amount, "USD") == Money.of(amount * Decimal("1.000"), "USD")


@given(st.decimals(min_value=0, max_value=10**9, places=14))
def test_rounding_is_off_by_half_a_billionth_at_most(amount):
    assert abs(Money.of(amount, "USD").decimal - amount) <= Decimal("0.0000000005")


@given(st.from_regex(r"(0|[1-9]\d{0,11})(\.\d{1,9})?", fullmatch=True, alphabet=st.characters(max_codepoint=127)))
def test_every_text_of_the_published_pattern_is_an_amount(text):
    assert Money(amount=text, currency="USD").decimal == Decimal(text)


@pytest.mark.parametrize(
    "amount",
    ["", "01", ".5", "5.", "-1", "+1", "1e3", "1,5", "1 ", "NaN", "1.1234567890", "1234567890123", "١"],
)
def test_other_texts_are_no_amounts(amount):
    with pytest.raises(ValidationError, match="amount"):
        Money(amount=amount, currency="USD")


@pytest.mark.parametrize("number", ["1", "0.25", "1e3", "true"])
def test_a_json_number_is_refused_with_the_remedy(number):
    with pytest.raises(ValidationError, match="put it in quotes"):
        Money.model_validate_json(f'{{"amount": {number}, "currency": "USD"}}')


@pytest.mark.parametrize("value", ["-0.01", "Infinity", "NaN", "1000000000000", "999999999999.9999999999"])
def test_a_decimal_that_no_amount_can_hold_is_refused(value):
    with pytest.raises(ValueError, match=r"no amount|too large"):
        Money.of(Decimal(value), "USD")


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "$"])
def test_a_currency_is_three_capital_letters(currency):
    with pytest.raises(ValidationError, match="currency"):
        Money(amount="1", currency=currency)


def test_the_parts_of_a_cost_may_be_off_by_their_rounding_only():
    cost = {"currency": "USD", "by": {"a": "0.1", "b": "0.2"}, "price_list": "p"}
    assert Cost(amount="0.300000002", **cost).decimal == Decimal("0.300000002")
    with pytest.raises(ValidationError, match="not to amount"):
        Cost(amount="0.300000003", **cost)
