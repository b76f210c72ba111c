"""The ledger against the real store: whoever creates an object owns it, and a lost reply loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from analysis_worker.accounts import Accounts
from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import LedgerUnreadable, StoreUnavailable
from analysis_worker.ledger import Ledger
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.object_store import ObjectStore
from analysis_worker.recall import Answered, Busy, Claimed, look_again, recall
from analysis_worker.receive import receive
from analysis_worker.settings import S3Settings
from analysis_worker.transport import build_client
from analysis_worker.values import Delivered
from media_contracts import Attempt, KafkaRecord, Usage
from tests.processes import until
from tests.system.harness_gate import open_gate

FIRST = OpenAttempt(number=1, kind="analysis", model="qwen3.5-omni-plus", input_tokens=10)


def job(unique):
    value = json.dumps({"request_id": unique, "instruction": "x"}).encode()
    record = KafkaRecord(topic="media.analysis.requested.v1", key=None, value=value)
    delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=0)
    return receive(delivered, now=datetime.now(UTC), tenant_topics={}, default_deadline_seconds=60)


@pytest_asyncio.fixture
async def open_ledger(stack):
    """A function: a ledger of the named owner."""
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:

        def build(owner, *, stale_seconds=30):
            return ledger_of(store, owner, stale_seconds=stale_seconds)

        yield build


@contextlib.asynccontextmanager
async def store_at(stack, endpoint):
    names = {name.removeprefix("S3_").lower(): value for name, value in stack.environment.items() if name[:3] == "S3_"}
    settings = S3Settings(**names | {"allowed": {}, "endpoint": endpoint})
    async with build_client(connections=32, connect_seconds=5, read_seconds=10) as client:
        yield ObjectStore(settings=settings, client=client)


def ledger_of(store, owner, *, stale_seconds=30):
    return Ledger(
        store=store, bucket="results", owner=owner, stale_seconds=stale_seconds, now=lambda: datetime.now(UTC)
    )


@pytest_asyncio.fixture
async def gated(stack):
    """A gate before the store, and a ledger that reaches the store through it."""
    async with open_gate(stack.environment["S3_ENDPOINT"]) as gate, store_at(stack, gate.url) as store:
        yield gate, ledger_of(store, "gated")


async def test_one_of_sixteen_racers_takes_the_claim(open_ledger, unique):
    wanted = job(unique)
    racers = [open_ledger(f"racer-{number}") for number in range(16)]
    claims = await asyncio.gather(*(one.take(wanted, start=1, first=FIRST, earlier=()) for one in racers))
    assert sum(claim is not None for claim in claims) == 1


async def test_another_task_of_the_same_worker_does_not_take_it_either(open_ledger, unique):
    ledger = open_ledger("one")
    assert await ledger.take(job(unique), start=1, first=FIRST, earlier=()) is not None
    assert await ledger.take(job(unique), start=1, first=FIRST, earlier=()) is None


def look(unique, ledger, *, ask=recall):
    accounts = Accounts(catalogue=load_catalogue(), region="beijing")
    return ask(job(unique), ledger=ledger, first=FIRST, accounts=accounts, max_starts=3)


async def test_a_claim_whose_reply_was_lost_is_given_back_and_taken_anew(gated, open_ledger, unique):
    gate, ledger = gated
    gate.lose_replies()
    with pytest.raises(StoreUnavailable):
        await look(unique, ledger)
    gate.pass_replies()
    assert len(await open_ledger("other").claims(job(unique))) == 1
    assert isinstance(await look(unique, ledger), Busy)
    recalled = await look(unique, ledger)
    assert isinstance(recalled, Claimed)
    # Nothing was asked under the first, so it counts neither as a start nor as a call.
    assert recalled.claim.attempts == ()
    assert [seen.document.released for seen in await ledger.claims(job(unique))] == [True, False]


async def test_a_claim_that_was_heard_of_is_never_given_back_by_a_second_look(open_ledger, unique):
    ledger = open_ledger("one")
    claim = (await look(unique, ledger)).claim
    await claim.refresh()
    async with claim.kept_alive():
        assert isinstance(await look(unique, ledger), Busy)
    assert isinstance(await look(unique, ledger), Busy)
    [seen] = await ledger.claims(job(unique))
    assert seen.document.open == (FIRST,)
    assert not seen.document.released


async def test_our_own_task_is_waited_for_however_old_its_claim_looks(open_ledger, unique):
    ledger = open_ledger("one", stale_seconds=0)
    claimed = await look(unique, ledger)
    assert isinstance(claimed, Claimed)
    assert isinstance(await look(unique, ledger), Busy)
    assert isinstance(await look(unique, open_ledger("two", stale_seconds=0)), Claimed)


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


async def test_who_loses_the_race_for_the_answer_leaves_what_it_paid_in_its_claim(open_ledger, unique):
    mine, theirs = (KafkaRecord(topic="c", key=b"k", value=value, headers=()) for value in (b"{1}", b"{2}"))
    loser = open_ledger("loser")
    claim = (await look(unique, loser)).claim
    paid = Attempt(
        number=1,
        kind="analysis",
        model="qwen3.5-omni-plus",
        outcome="succeeded",
        usage=Usage.none().model_copy(update={"calls": 1}),
        basis="reported",
    )
    claim.close(paid)
    await open_ledger("winner").record(job(unique), completion=theirs, outcome="succeeded")
    assert await loser.record(job(unique), completion=mine, outcome="succeeded") == theirs
    [seen] = await loser.claims(job(unique))
    assert (seen.document.closed, seen.document.open) == ((paid,), ())


async def test_a_claim_that_is_being_written_when_its_task_is_cancelled_ends_released(gated, open_ledger, unique):
    gate, ledger = gated
    gate.hold_replies()
    looking = asyncio.create_task(look(unique, ledger))
    await until(lambda: gate.held)
    looking.cancel()
    await asyncio.sleep(0)
    gate.pass_replies()
    with pytest.raises(asyncio.CancelledError):
        await looking
    [seen] = await ledger.claims(job(unique))
    assert (seen.document.released, seen.document.open) == (True, ())
    assert isinstance(await look(unique, open_ledger("next")), Claimed)


async def test_a_claim_that_is_being_opened_when_its_task_is_cancelled_ends_released(gated, unique):
    gate, ledger = gated
    claim = (await look(unique, ledger)).claim
    claim.discard(1)
    gate.hold_replies()
    opening = asyncio.create_task(claim.open(replace(FIRST, number=2)))
    await until(lambda: gate.held)
    opening.cancel()
    releasing = asyncio.create_task(claim.release())
    await asyncio.sleep(0)
    gate.pass_replies()
    await asyncio.gather(opening, releasing, return_exceptions=True)
    assert opening.cancelled()
    [seen] = await ledger.claims(job(unique))
    assert (seen.document.released, seen.document.open) == (True, ())


async def test_a_claim_is_refreshed_again_after_the_store_was_away(stack, unique, caplog):
    async with open_gate(stack.environment["S3_ENDPOINT"]) as gate, store_at(stack, gate.url) as store:
        ledger = ledger_of(store, "one", stale_seconds=0.3)
        claim = (await look(unique, ledger)).claim
        async with claim.kept_alive():
            gate.lose_replies()
            await until(lambda: any(getattr(one, "event", "") == "claim_not_refreshed" for one in caplog.records))
            gate.pass_replies()
            claim.discard(1)

            async def refreshed():
                [seen] = await ledger.claims(job(unique))
                return seen.document.open == ()

            await until(refreshed)


@pytest.mark.parametrize("name", ["claim-1.json", "answer.json"])
async def test_a_document_that_cannot_be_read_is_named_and_costs_nothing(open_ledger, bucket, unique, name):
    key = f"{job(unique).ledger_prefix}{name}"
    ledger = open_ledger("one")
    bucket.upload(f"{job(unique).ledger_prefix}claim-1.json", b"{}", bucket=bucket.results)
    bucket.upload(key, b'{"format": 1, "torn', bucket=bucket.results)
    with pytest.raises(LedgerUnreadable, match=f"results/{key} is no document of the ledger"):
        await look(unique, ledger)
    bucket.client.remove_object(bucket.results, key)
    bucket.client.remove_object(bucket.results, f"{job(unique).ledger_prefix}claim-1.json")
    assert isinstance(await look(unique, ledger), Claimed)


async def test_a_claim_is_young_by_the_stores_own_clock(open_ledger, unique):
    ledger = open_ledger("one")
    await ledger.take(job(unique), start=1, first=FIRST, earlier=())
    [seen] = await ledger.claims(job(unique))
    assert -2 <= seen.age_seconds <= 5


async def test_who_waits_only_reads_and_takes_what_was_given_back(gated, open_ledger, unique):
    gate, waiting = gated
    first = await look(unique, open_ledger("other"))
    assert isinstance(await look(unique, waiting), Busy)
    assert gate.asked[0] == "PUT"
    for _ in range(3):
        gate.asked.clear()
        assert isinstance(await look(unique, waiting, ask=look_again), Busy)
        assert set(gate.asked) == {"GET"}
    await first.claim.release()
    assert isinstance(await look(unique, waiting, ask=look_again), Claimed)
    gate.asked.clear()
    assert isinstance(await look(unique, waiting, ask=look_again), Busy), "a task of ours has it"
    assert gate.asked == []


async def test_an_undisturbed_claim_is_one_write(gated, unique):
    gate, ledger = gated
    assert isinstance(await look(unique, ledger), Claimed)
    assert gate.asked == ["PUT"]


async def test_who_waits_takes_the_first_claim_when_the_one_in_its_way_is_gone(open_ledger, unique):
    assert isinstance(await look(unique, open_ledger("one"), ask=look_again), Claimed)
