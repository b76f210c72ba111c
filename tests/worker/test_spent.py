"""What counts against a budget: all that was bought, whatever became of it, and what calls side by side may cost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from analysis_worker.accounts import Accounts, spent
from analysis_worker.ask import Asker
from analysis_worker.catalogue import load_catalogue
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.provider.usage import ReportedUsage
from analysis_worker.retry import RetryPolicy
from media_contracts import Money

ACCOUNTS = Accounts(catalogue=load_catalogue(), region="beijing")
REPORTED = ReportedUsage(prompt_tokens=1_000_000, completion_tokens=0, input_text=1_000_000)


def closed(outcome, *, reported=None, unreported_tokens=0):
    opened = OpenAttempt(number=1, kind="analysis", model="qwen3.5-omni-plus", input_tokens=1_000)
    return ACCOUNTS.close(opened, outcome=outcome, reported=reported, unreported_tokens=unreported_tokens)


def yuan(amount):
    return Money(amount=amount, currency="CNY")


@pytest.mark.parametrize("outcome", ["provider_unavailable", "provider_down"])
def test_an_outage_uses_up_no_budget_and_an_answer_that_was_begun_does(outcome):
    assert spent([closed(outcome)]) is None
    assert spent([closed(outcome, reported=REPORTED)]) == yuan("7")
    assert spent([closed(outcome, unreported_tokens=100)]).decimal > 0
    assert spent([closed("stream_cut")]).decimal > 0


def test_calls_side_by_side_pay_from_one_budget():
    asker = Asker(by=None, policy=RetryPolicy(), now=None)
    claim = SimpleNamespace(attempts=(closed("succeeded", reported=REPORTED),))
    asker.under_way.update({0: yuan("1"), 1: yuan("2"), 2: None})
    assert asker.gone(claim, segment=0) == yuan("9")
    assert asker.gone(claim) == yuan("10")
    assert Asker(by=None, policy=RetryPolicy(), now=None).gone(SimpleNamespace(attempts=())) is None
