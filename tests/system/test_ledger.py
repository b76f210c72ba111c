"""The ledger against the real store: whoever creates an object owns it, and a lost reply loses nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest_asyncio

from analysis_worker.accounts import Accounts
from analysis_worker.catalogue import load_catalogue
from analysis_worker.ledger import Ledger
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.object_store import ObjectStore
from analysis_worker.recall import Answered, Busy, Claimed, recall
from analysis_worker.receive import receive
from analysis_worker.settings import S3Settings
from analysis_worker.transport import build_client
from analysis_worker.values import Delivered
from media_contracts import KafkaRecord

FIRST = OpenAttempt(number=1, kind="analysis", model="qwen3.5-omni-plus", input_tokens=10)


def job(unique):
    value = json.dumps({"request_id": unique, "instruction": "x"}).encode()
    record = KafkaRecord(topic="media.analysis.requested.v1", key=None, value=value)
    delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=0)
    return receive(delivered, now=datetime.now(UTC), tenant_topics={}, default_deadline_seconds=60)


@pytest_asyncio.fixture
async def open_ledger(stack):
    """A function: a ledger of the named owner."""
    names = {name.removeprefix("S3_").lower(): value for name, value in stack.environment.items() if name[:3] == "S3_"}
    settings = S3Settings(**names | {"allowed": {}})
    async with build_client(connections=32, connect_seconds=5, read_seconds=10) as client:
        store = ObjectStore(settings=settings, client=client)

        def build(owner):
            return Ledger(store=store, bucket="results", owner=owner, stale_seconds=30, now=lambda: datetime.now(UTC))

        yield build


async def test_one_of_sixteen_racers_takes_the_claim(open_ledger, unique):
    wanted = job(unique)
    racers = [open_ledger(f"racer-{number}") for number in range(16)]
    claims = await asyncio.gather(*(one.take(wanted, start=1, first=FIRST, earlier=()) for one in racers))
    assert sum(claim is not None for claim in claims) == 1


async def test_another_task_of_the_same_worker_does_not_take_it_either(open_ledger, unique):
    ledger = open_ledger("one")
    assert await ledger.take(job(unique), start=1, first=FIRST, earlier=()) is not None
    assert await ledger.take(job(unique), start=1, first=FIRST, earlier=()) is None


def look(unique, ledger):
    accounts = Accounts(catalogue=load_catalogue(), region="beijing")
    return recall(job(unique), ledger=ledger, first=FIRST, accounts=accounts, max_starts=3)


async def test_a_claim_whose_reply_was_lost_is_ours_at_the_next_try(open_ledger, unique):
    # The store wrote it for this owner, and no task of the owner knows of it.
    await open_ledger("one").take(job(unique), start=1, first=FIRST, earlier=())
    assert isinstance(await look(unique, open_ledger("two")), Busy)
    ledger = open_ledger("one")
    assert isinstance(await look(unique, ledger), Claimed)
    assert isinstance(await look(unique, ledger), Busy)


async def test_a_finished_request_is_answered_and_never_adopted(open_ledger, unique):
    ledger = open_ledger("one")
    first = await look(unique, ledger)
    completion = KafkaRecord(topic="c", key=b"k", value=b"{}", headers=())
    async with first.claim.kept_alive():
        await ledger.record(job(unique), completion=completion, outcome="succeeded")
    again = await look(unique, ledger)
    assert isinstance(again, Answered)
    assert again.completion == completion


async def test_the_first_recorded_completion_is_everybodys(open_ledger, unique):
    wanted = job(unique)
    mine, theirs = (KafkaRecord(topic="c", key=b"k", value=value, headers=()) for value in (b"{1}", b"{2}"))
    assert await open_ledger("one").record(wanted, completion=mine, outcome="succeeded") == mine
    assert await open_ledger("two").record(wanted, completion=theirs, outcome="failed") == mine


async def test_a_claim_is_young_by_the_stores_own_clock(open_ledger, unique):
    ledger = open_ledger("one")
    await ledger.take(job(unique), start=1, first=FIRST, earlier=())
    [seen] = await ledger.claims(job(unique))
    assert -2 <= seen.age_seconds <= 5
