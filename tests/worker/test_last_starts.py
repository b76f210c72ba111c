"""The last start of a request runs beside no other's: who kills the worker must not take others along (law 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from analysis_worker.ledger import Ledger
from analysis_worker.ledger_format import OpenAttempt

OPEN = OpenAttempt(number=3, kind="analysis", model="m", input_tokens=10)


class Store:
    """Takes every write."""

    async def put(self, bucket, key, body, **condition):
        return None


def a_ledger():
    return Ledger(store=Store(), bucket="results", owner="w", stale_seconds=30, now=lambda: datetime.now(UTC))


def job(name):
    return SimpleNamespace(fingerprint="f", ledger_prefix=f"ledger/t/{name}/")


def take(ledger, name, *, is_last, start=3):
    return ledger.take(job(name), start=start, first=OPEN, earlier=(), is_last=is_last)


async def test_a_second_last_start_waits_until_the_first_is_over():
    ledger = a_ledger()
    assert await take(ledger, "one", is_last=True)
    assert await take(ledger, "two", is_last=True) is None
    ledger.let_go("ledger/t/one/claim-3.json")
    assert await take(ledger, "two", is_last=True) is not None


async def test_other_starts_do_not_wait_for_it_nor_end_it():
    ledger = a_ledger()
    await take(ledger, "one", is_last=True)
    await take(ledger, "two", is_last=False, start=2)
    ledger.let_go("ledger/t/two/claim-2.json")
    assert await take(ledger, "three", is_last=True) is None
