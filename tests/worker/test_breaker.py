"""After three failures in a row calls wait, then one at a time looks whether the model is back."""

from hypothesis import given
from hypothesis import strategies as st

from analysis_worker import errors
from analysis_worker.provider.breaker import FAILURES_TO_OPEN, MOST_SECONDS, Breaker

DOWN, REFUSED = errors.ProviderUnavailable("503"), errors.ProviderRefused("400")


def opened(*, at=100.0):
    breaker = Breaker()
    told = [breaker.ended(DOWN, at) for _ in range(FAILURES_TO_OPEN)]
    assert told == [False] * (FAILURES_TO_OPEN - 1) + [True]
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_after_as_many_with_an_answer_between():
    breaker = Breaker()
    for _ in range(10):
        assert not breaker.ended(DOWN, 1.0)
        assert not breaker.ended(DOWN, 1.0)
        breaker.answered()
    assert breaker.wait_seconds(1.0) == 0
    assert opened().wait_seconds(100.0) == 1.0


def test_one_call_probes_and_its_answer_lets_the_others_go():
    breaker = opened()
    assert breaker.wait_seconds(101.0) == 0
    assert breaker.wait_seconds(101.0) > 0
    assert not breaker.ended(REFUSED, 102.0)  # a refusal shows that somebody is there
    assert breaker.wait_seconds(102.0) == 0
    assert breaker.wait_seconds(102.0) == 0


def test_a_probe_that_fails_doubles_the_pause_and_is_not_told_as_a_new_outage():
    breaker = opened()
    assert breaker.wait_seconds(101.0) == 0
    assert not breaker.ended(DOWN, 102.0)
    assert breaker.wait_seconds(102.0) == 2.0


def test_a_probe_that_tells_nothing_makes_way_for_another():
    breaker = opened()
    assert breaker.wait_seconds(101.0) == 0
    breaker.abandoned()
    assert breaker.wait_seconds(101.0) == 0
    breaker.ended(errors.StreamCut("cut"), 101.0)
    assert breaker.wait_seconds(101.0) == 0
    assert breaker.is_open


@given(faults=st.lists(st.sampled_from([DOWN, REFUSED, None, errors.StreamCut("cut")]), max_size=40))
def test_whatever_happens_nobody_waits_longer_than_the_longest_pause_for_a_look(faults):
    breaker, now = Breaker(), 0.0
    for fault in faults:
        seconds = breaker.wait_seconds(now)
        assert 0 <= seconds <= MOST_SECONDS
        now += seconds
        if seconds:
            assert breaker.wait_seconds(now) == 0
        breaker.ended(fault, now)
