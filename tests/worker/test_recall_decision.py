"""What the claims of a request allow: wait for a live one, take over a stale one, stop after too many."""

import pytest

from analysis_worker.ledger import SeenClaim
from analysis_worker.ledger_format import ClaimDocument, OpenAttempt
from analysis_worker.recall import decide

OPEN = OpenAttempt(number=1, kind="analysis", model="m", input_tokens=10)


def claim(*, age, released=False, start=1):
    document = ClaimDocument(
        fingerprint="f", owner="w", start=start, started_at="2026-11-21T00:00:00+00:00", open=(OPEN,), released=released
    )
    return SeenClaim(document=document, age_seconds=age)


@pytest.mark.parametrize(
    ("claims", "decision"),
    [
        pytest.param([claim(age=1)], 1.0, id="a live claim is waited for"),
        pytest.param([claim(age=29.5)], 0.5, id="no longer than it may live"),
        pytest.param([claim(age=30)], 2, id="a stale one is followed by the next start"),
        pytest.param([claim(age=1, released=True)], 2, id="a released one at once"),
        pytest.param([claim(age=99), claim(age=2)], 1.0, id="the newest counts"),
        pytest.param([claim(age=99), claim(age=99), claim(age=99)], None, id="three crashes are enough"),
        pytest.param([claim(age=99), claim(age=99, released=True), claim(age=99)], 4, id="a drain is no crash"),
    ],
)
def test_decision(claims, decision):
    assert decide(claims, stale_seconds=30, max_starts=3) == decision


def test_a_clock_that_runs_backwards_still_waits():
    assert decide([claim(age=-5)], stale_seconds=30, max_starts=3) == 1.0
