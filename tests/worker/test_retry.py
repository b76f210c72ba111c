import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker import errors
from analysis_worker.retry import RetryPolicy, next_delay

THROTTLED = errors.ProviderThrottled("slow down")


def delay(**changed):
    asked = {"attempt": 1, "error": THROTTLED, "now": 100.0, "deadline": None, "random": 0.5}
    return next_delay(**(asked | changed))


def test_the_wait_doubles_until_the_cap():
    policy = RetryPolicy(max_attempts=99, base_seconds=1.0, cap_seconds=10.0)
    assert [delay(attempt=n, policy=policy) for n in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_what_the_provider_asks_for_is_a_floor_that_jitter_is_added_to():
    asked = errors.ProviderThrottled("quota", retry_after_seconds=60.0)
    assert delay(error=asked, random=0.0) == 60.0
    assert delay(error=asked, random=0.5) == 60.5


@pytest.mark.parametrize(
    "error",
    [
        errors.ProviderRefused("no"),
        errors.ProviderBilling("pay"),
        errors.ProviderUnauthorized("key"),
        errors.ContentFiltered("no"),
        errors.MediaMissing("gone"),
        errors.AnswerTruncated("half"),
        errors.Stopped("end"),
    ],
)
def test_what_another_try_cannot_help_is_given_up_at_once(error):
    assert delay(error=error) is None


def test_tries_run_out():
    assert delay(attempt=4) is not None
    assert delay(attempt=5) is None


def test_a_class_that_is_worth_fewer_tries_gets_fewer():
    assert delay(attempt=2, error=errors.MediaFetchFailed("timed out", max_tries=3)) is not None
    assert delay(attempt=3, error=errors.MediaFetchFailed("timed out", max_tries=3)) is None
    assert delay(attempt=5, error=errors.ProviderUnavailable("down", max_tries=99)) is None


def test_a_try_that_would_start_at_or_after_the_deadline_is_given_up():
    asked = errors.ProviderThrottled("quota", retry_after_seconds=60.0)
    assert delay(error=asked, deadline=160.5) is None
    assert delay(error=asked, deadline=160.6) == 60.5


@given(
    attempt=st.integers(min_value=0, max_value=10_000),
    floor=st.none() | st.floats(min_value=0, max_value=1e6),
    random=st.floats(min_value=0, max_value=1, exclude_max=True),
    left=st.none() | st.floats(min_value=-10, max_value=1e7),
)
def test_a_wait_is_finite_at_least_the_floor_and_ends_before_the_deadline(attempt, floor, random, left):
    policy = RetryPolicy(max_attempts=100_000)
    deadline = None if left is None else 1_000.0 + left
    error = errors.ProviderUnavailable("down", retry_after_seconds=floor)
    seconds = next_delay(attempt=attempt, error=error, now=1_000.0, deadline=deadline, random=random, policy=policy)
    if seconds is not None:
        assert math.isfinite(seconds)
        assert (floor or 0.0) <= seconds <= (floor or 0.0) + policy.cap_seconds
        assert deadline is None or 1_000.0 + seconds < deadline
