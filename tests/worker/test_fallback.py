"""Which model is asked next, and when none is."""

import pytest

from analysis_worker import errors
from analysis_worker.fallback import Candidates
from media_contracts import AnalysisRequested


def candidates(*fallbacks, name="a", tired=(), begun=None):
    request = AnalysisRequested(request_id="r", instruction="x", model={"name": name, "fallbacks": fallbacks})
    return Candidates(request, default_model="default", is_tired=lambda name: name in tired, begun=begun)


def test_models_are_asked_in_order_and_none_twice():
    models = candidates("b", "a", "c")
    assert (models.current, models.has_next) == ("a", True)
    assert models.move_on(errors.ModelMissing("404")) == "b"
    assert models.move_on(errors.ProviderUnavailable("503")) == "c"
    assert not models.has_next
    with pytest.raises(errors.ProviderThrottled):
        models.move_on(errors.ProviderThrottled("429"))


def test_without_a_name_the_default_comes_first():
    assert candidates("b", name=None).current == "default"


@pytest.mark.parametrize(
    "fault",
    [
        errors.ProviderRefused("no"),
        errors.ContentFiltered("no"),
        errors.MediaTooLarge("no"),
        errors.ProviderUnauthorized("no"),
        errors.ProviderUnreachable("no"),
        errors.AnswerTruncated("no"),
        errors.Stopped("no"),
    ],
    ids=lambda fault: fault.code,
)
def test_what_every_model_would_meet_ends_the_request(fault):
    with pytest.raises(type(fault)):
        candidates("b").move_on(fault)


def test_a_fallback_whose_plan_is_rejected_is_passed_over_and_the_last_call_says_how_it_ended():
    models = candidates("b", "c")
    models.move_on(errors.ModelQuotaUsed("free tier"))
    assert models.move_on(errors.InputTooLong("b is small")) == "c"
    with pytest.raises(errors.ModelQuotaUsed):
        models.move_on(errors.CurrencyMismatch("c costs dollars"))


def test_a_model_that_had_all_its_tries_in_earlier_starts_is_passed_over_unless_it_is_the_last():
    assert candidates("b", "c", tired={"a", "c"}).current == "b"
    assert candidates("b", tired={"a", "b"}).current == "b"


def test_a_later_start_goes_on_with_the_model_whose_segments_are_finished():
    assert candidates("b", "c", begun="b").current == "b"
    assert candidates("b", begun="gone").current == "a"
    assert candidates("b", "c", begun="b", tired={"b"}).current == "b"
