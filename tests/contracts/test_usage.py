"""Pure: token counts add up, and what is unknown stays unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from media_contracts import EstimatedUsage, InputUsage, OutputUsage, Usage
from tests.contracts.strategies import a_usage, usages


@given(st.lists(usages(), max_size=4))
def test_a_sum_of_usages_is_a_valid_usage_of_all_their_calls(terms):
    total = Usage.sum(terms)
    assert total.total_tokens == sum(term.total_tokens for term in terms)
    assert total.calls == sum(term.calls for term in terms)
    assert total.estimated.calls == sum(term.estimated.calls for term in terms)


@given(usages(), usages(), usages())
def test_the_order_and_grouping_of_a_sum_never_matter(one, two, three):
    assert Usage.sum([one, two, three]) == Usage.sum([three, Usage.sum([two, one])])


@given(usages())
def test_adding_nothing_changes_nothing(usage):
    assert Usage.sum([usage, Usage.none()]) == usage


@given(usages(), usages())
def test_a_modality_that_one_call_did_not_report_is_unknown_in_the_sum(one, two):
    total = Usage.sum([one, two])
    for name in InputUsage.model_fields:
        parts = [getattr(usage.input, name) for usage in (one, two)]
        assert getattr(total.input, name) == (None if None in parts else sum(parts))


@given(usages(), st.integers(1, 1000))
def test_a_total_that_is_off_is_refused(usage, error):
    with pytest.raises(ValidationError, match="is not input_tokens"):
        Usage(**{**dict(usage), "total_tokens": usage.total_tokens + error})


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"input": InputUsage(text=4, image=5, video=0, audio=0)}, "sum to 9, not to input_tokens 10"),
        ({"input": InputUsage(text=11)}, "known parts sum to 11, more than input_tokens 10"),
        ({"output": OutputUsage(text=2, audio=0, reasoning=1)}, "sum to 3, not to output_tokens 2"),
        ({"cached_input_tokens": 11}, "more than input_tokens 10"),
        ({"estimated": EstimatedUsage(calls=2)}, "more than calls 1"),
        ({"estimated": EstimatedUsage(input_tokens=11)}, "more than input_tokens 10"),
        ({"estimated": EstimatedUsage(output_tokens=3)}, "more than output_tokens 2"),
    ],
)
def test_parts_that_do_not_fit_their_total_are_refused(changes, fault):
    with pytest.raises(ValidationError, match=fault):
        a_usage(**changes)


def test_parts_that_were_not_reported_need_not_add_up():
    assert a_usage(input=InputUsage(text=4, image=5)).input.video is None


@pytest.mark.parametrize("tokens", [-1, 2**53, 1.5, "1", True])
def test_counts_are_exact_integers(tokens):
    with pytest.raises(ValidationError):
        a_usage(cached_input_tokens=tokens)
