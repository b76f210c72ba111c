"""What a spoken answer costs: its sound, and the text beside it only where nothing was spoken (S2, PRICE)."""

from __future__ import annotations

import pytest

from analysis_worker.accounts import Accounts
from analysis_worker.catalogue import load_catalogue
from analysis_worker.expectation import Expected, modalities
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.profiles import load_profiles
from analysis_worker.provider.usage import ReportedUsage
from analysis_worker.tokens import InputTokens
from media_contracts import AnalysisRequested, MediaItem, Speech

PROFILES = load_profiles()
TURBO = "qwen-omni-turbo"  # Beijing, CNY a million: text in 0.4, text out 1.6 (after media 4.5), sound out 50


def closed(kind, *, reported=None, speaks=False, output_tokens=0):
    expected = Expected(tokens=InputTokens(text=1), searches=False, speaks=speaks)
    accounts = Accounts(catalogue=load_catalogue(), region="beijing", expected=expected)
    opened = OpenAttempt(number=1, kind=kind, model=TURBO, input_tokens=1_000)
    attempt = accounts.close(opened, outcome="succeeded", reported=reported, unreported_tokens=output_tokens)
    return attempt, accounts.total([attempt]).by


SPOKEN = ReportedUsage(
    prompt_tokens=1_000, completion_tokens=1_200, input_text=1_000, output_text=200, output_audio=1_000
)


@pytest.mark.parametrize(("kind", "speaks"), [("speech", False), ("analysis", True)])
def test_the_sound_is_billed_and_the_text_beside_it_is_free(kind, speaks):
    attempt, by = closed(kind, reported=SPOKEN, speaks=speaks)
    assert by == {"input_text": "0.0004", "output_text": "0", "output_audio": "0.05"}
    assert (attempt.cost.amount, attempt.basis) == ("0.0504", "reported")


def test_the_analysis_before_a_reading_pays_for_its_text():
    written = ReportedUsage(prompt_tokens=1_000, completion_tokens=200, input_text=1_000, output_text=200)
    _, by = closed("analysis", reported=written)
    assert by == {"input_text": "0.0004", "output_text": "0.00032"}


def test_a_reading_that_was_cut_off_is_priced_as_sound():
    attempt, by = closed("speech", output_tokens=100)
    assert attempt.basis == "estimated"
    assert by == {"input_text": "0.0004", "output_unsplit": "0.005"}


@pytest.mark.parametrize(
    ("profile", "speech", "speaks"),
    [("converse", True, True), ("converse", False, False), ("describe", True, False), (None, True, False)],
)
def test_only_the_free_text_profile_speaks_as_it_answers(profile, speech, speaks):
    request = AnalysisRequested(
        request_id="a",
        media=(MediaItem(kind="image", bucket="b", key="k"),),
        profile=profile,
        speech=Speech(voice="Cherry") if speech else None,
    )
    assert modalities(request, profiles=PROFILES).speaks is speaks
