"""Which calls count, over all starts of a request, and when the next one is better made later."""

import pytest

from analysis_worker import errors
from analysis_worker.provider.model_api import Call
from analysis_worker.retry import RetryPolicy
from analysis_worker.tries import Tries, counted, counts, is_tired, most_used, of_question
from media_contracts import Attempt, Usage

POLICY = RetryPolicy(max_attempts=5, tries_here=3, seconds_here=30)


def delay(tries, fault=None, *, is_counted=True, deadline=1e9, random=0.5):
    fault = fault or errors.ProviderUnavailable("503")
    return tries.delay(fault, is_counted=is_counted, now=0, deadline=deadline, random=random)


def attempt(outcome, model="a", calls=1, kind="analysis", segment=None, reason=None):
    usage = Usage.none().model_copy(update={"calls": calls})
    return Attempt(
        number=1,
        kind=kind,
        segment=segment,
        model=model,
        outcome=outcome,
        usage=usage,
        cost=None,
        basis="reported",
        reason=reason,
    )


def test_earlier_starts_count_by_model_and_by_what_says_something_of_the_request():
    attempts = [
        attempt("provider_unavailable", calls=2),
        attempt("stream_cut"),
        attempt("provider_throttled"),
        attempt("provider_down"),
        attempt("provider_unreachable"),
        attempt("cancelled"),
        attempt("abandoned"),
        attempt("succeeded"),
        attempt("stream_cut", model="b"),
    ]
    assert [counted(of_question(attempts, model=model)) for model in "ab"] == [3, 1]


def test_each_segment_has_tries_of_its_own_which_its_repairs_share():
    attempts = [
        attempt("stream_cut", kind="segment", segment=0),
        attempt("stream_cut", kind="repair", segment=0),
        attempt("stream_cut", kind="segment", segment=1),
        attempt("stream_cut", kind="speech", calls=9),
    ]
    made = [counted(of_question(attempts, model="a", kind="segment", segment=segment)) for segment in range(3)]
    assert (made, most_used(attempts, model="a")) == ([2, 1, 0], 2)


def test_tries_of_earlier_starts_leave_fewer():
    tries = Tries(before=3, policy=POLICY)
    assert delay(tries) is not None
    assert delay(tries) is None


def test_answers_that_were_not_good_leave_fewer_tries_and_no_longer_pauses():
    tries = Tries(before=0, policy=POLICY, answered=2)
    tries.answered += 1
    assert delay(tries, random=0.999) < POLICY.base_seconds
    assert delay(tries) is None
    assert delay(tries, errors.ProviderThrottled("429"), is_counted=False) is not None


def test_a_model_whose_answers_were_not_good_has_had_its_tries():
    attempts = [attempt("answer_truncated"), *[attempt("answer_wrong_shape", kind="repair")] * 2, attempt("stream_cut")]
    assert most_used([*attempts, attempt("provider_throttled")], model="a") == 4


def test_a_model_that_was_left_for_its_answers_is_not_asked_by_a_later_start():
    bad, broken = attempt("answer_wrong_shape"), attempt("stream_cut")
    other = [attempt("abandoned", model="b", reason="fallback")]
    assert is_tired([bad, *other], model="a", most=5)
    assert not is_tired([bad, *other], model="b", most=5)
    assert not is_tired([bad], model="a", most=5)
    assert not is_tired([bad, broken, *other], model="a", most=5)  # its trouble may be over by then
    assert is_tired([broken] * 5, model="a", most=5)


def test_uncounted_tries_go_on_to_the_deadline():
    tries = Tries(before=4, policy=POLICY)
    fault = errors.ProviderThrottled("429")
    assert all(delay(tries, fault, is_counted=False) is not None for _ in range(50))
    assert delay(tries, fault, is_counted=False, deadline=1) is None


def test_three_tries_are_enough_here_however_many_there_were_before():
    tries = Tries(before=1, policy=POLICY)
    enough = [tries.enough_here(delay(tries)) for _ in range(3)]
    assert enough == [False, False, True]


def test_a_long_wait_is_enough_at_once():
    tries = Tries(before=0, policy=POLICY)
    fault = errors.ProviderThrottled("quota", retry_after_seconds=60)
    assert tries.enough_here(delay(tries, fault, is_counted=False))


@pytest.mark.parametrize(
    ("fault", "in_outage", "is_last_model", "is_counted"),
    [
        (errors.ProviderThrottled("429"), False, True, False),
        (errors.ProviderThrottled("429"), False, False, True),
        (errors.ProviderUnreachable("no"), False, False, False),
        (errors.ProviderDown("503", http_status=503), False, True, False),
        (errors.ProviderDown("503", http_status=503), False, False, True),
        (errors.ProviderUnreachable("no answer"), True, True, False),
        (errors.ProviderUnavailable("500", http_status=500), True, True, True),
        (errors.StreamStalled("quiet"), True, True, True),
    ],
)
def test_what_counts(fault, in_outage, is_last_model, is_counted):
    call = Call(answer=None, fault=fault, asked=False, sent=False)
    assert counts(call, fault, in_outage=in_outage, is_last_model=is_last_model) is is_counted
