"""The factor that is learned from estimates and reports: what counts, what is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.calibration import MEMORY_CALLS, Calibration

TOKENS = st.integers(1, 300_000)


def learned(calls):
    known = Calibration()
    for estimated, actual in calls:
        known = known.with_call(estimated_tokens=estimated, actual_tokens=actual)
    return known


def test_nothing_is_known_before_the_first_call():
    assert Calibration().factor is None


@given(calls=st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=200))
def test_the_factor_is_the_sum_of_reports_over_the_sum_of_estimates(calls):
    known = learned(calls)
    estimated, actual = (sum(column) for column in zip(*calls, strict=True))
    assert known.factor == pytest.approx(actual / estimated)
    assert known.calls == len(calls)


def test_a_provider_that_changes_its_rules_is_followed():
    before = learned([(100, 100)] * MEMORY_CALLS)
    assert before.factor == 1
    after = before
    for _ in range(10 * MEMORY_CALLS):
        after = after.with_call(estimated_tokens=100, actual_tokens=150)
    assert after.factor == pytest.approx(1.5, rel=1e-3)
