"""`media-analysis redrive` as a process on the real broker and store: shown first, put back exactly as chosen with --yes."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from analysis_worker.dead_letter import build_dead_letter
from analysis_worker.dead_letter_format import encode_buried
from analysis_worker.errors import DeadLettered
from analysis_worker.ledger_format import AnswerDocument, encode_answer
from analysis_worker.settings import S3Settings
from analysis_worker.values import Delivered
from media_analysis.bucket import minio_client
from media_analysis.redrive_topic import held_by, putting_back
from media_contracts import AnalysisRequested, Identity, KafkaRecord, encode_completed, encode_event, topics
from tests.cli.stand_in import kafka, run_command
from tests.cli.stories import NOON, ended, succeeded

if TYPE_CHECKING:
    from analysis_devstack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
HEADERS = (("ce_id", b"e-1"), ("x", None), ("x", b"\xff"), ("dead-letter-topic", b"the producer's own"))


class Hands:
    """The broker and the store of the stack, and the command."""

    def __init__(self, stack, send):
        self._stack = stack
        self._send = send
        s3 = {name.removeprefix("S3_").lower(): text for name, text in stack.environment.items() if "S3_" in name}
        self.store = minio_client(S3Settings(**s3))
        self.bucket = stack.environment["S3_RESULTS_BUCKET"]

    async def bury(self, record, *, reason, at=NOON, change=lambda letter: letter):
        delivered = Delivered(record=record, partition=1, offset=5, timestamp_ms=1_795_000_000_000)
        letter = change(build_dead_letter(delivered, DeadLettered("why", reason=reason), now=at, worker="w/1"))
        assert await self._send(letter) == ""

    def put(self, key, body):
        self.store.put_object(self.bucket, key, io.BytesIO(body), len(body))

    async def redrive(self, *arguments, **environment):
        return await run_command("redrive", *arguments, environment=dict(self._stack.environment) | environment)

    async def sent_by(self, where, *arguments, topic=topics.REQUESTED):
        """Run the command; returns its answer, and of the records that it sent to the topic those `where` is true."""
        before = await self._held(where, topic)
        answer = await self.redrive(*arguments)
        sent = await self._held(where, topic)
        for record in before:
            sent.remove(record)
        return answer, sent

    async def _held(self, where, topic):
        return [one.record async for one in held_by(topic, kafka(self._stack.environment)) if where(one.record)]


@pytest_asyncio.fixture(loop_scope="session")
async def hands(stack: Stack):
    async with putting_back(kafka(stack.environment), ()) as send:
        yield Hands(stack, send)


def garbage(unique, number=0):
    return KafkaRecord(
        topic=topics.REQUESTED, key=f"{unique}-{number}".encode(), value=b"\xff{" + unique.encode(), headers=HEADERS
    )


def of(unique):
    return lambda record: unique.encode() in (record.value or b"")


def by_key(records):
    return sorted(records, key=lambda record: record.key or b"")


async def test_without_yes_it_shows_what_would_be_put_back_and_publishes_nothing(hands, unique):
    await hands.bury(garbage(unique), reason=f"r-{unique}")
    (code, out, _), sent = await hands.sent_by(of(unique), "--reason", f"r-{unique}")
    assert (code, sent) == (0, [])
    assert f"r-{unique}" in out
    assert f"{topics.REQUESTED}[1]@5" in out
    assert "1 dead letter would be put back" in out
    assert "add --yes" in out


async def test_exactly_the_chosen_ones_come_back_byte_for_byte_and_a_second_time_when_asked_twice(hands, unique):
    chosen = [garbage(unique, number) for number in range(3)]
    for record in chosen:
        await hands.bury(record, reason=f"r-{unique}")
    await hands.bury(garbage(unique, 9), reason=f"other-{unique}")
    for _ in range(2):
        (code, out, _), sent = await hands.sent_by(of(unique), "--reason", f"r-{unique}", "--yes")
        assert (code, by_key(sent)) == (0, chosen)
        assert f"3 of 3 dead letters put back (r-{unique} 3)" in out


async def test_letters_are_chosen_by_when_they_were_buried(hands, unique):
    for hours in range(4):
        await hands.bury(garbage(unique, hours), reason=f"r-{unique}", at=NOON + timedelta(hours=hours))
    since, until = (NOON + timedelta(hours=hours) for hours in (1, 3))
    choice = ("--reason", f"r-{unique}", "--since", since.isoformat(), "--until", until.isoformat())
    (code, out, _), sent = await hands.sent_by(of(unique), *choice, "--yes", "--json")
    assert (code, by_key(sent)) == (0, [garbage(unique, 1), garbage(unique, 2)])
    assert [json.loads(line)["put_back"] for line in out.splitlines()] == [True, True]
    code, out, _ = await hands.redrive("--reason", f"r-{unique}", "--limit", "3", "--json")
    assert (code, len(out.splitlines())) == (0, 3)


async def test_hours_ago_are_counted_from_now(hands, unique):
    now = datetime.now(UTC)
    for hours in (1, 3):
        await hands.bury(garbage(unique, hours), reason=f"r-{unique}", at=now - timedelta(hours=hours))
    _, out, _ = await hands.redrive("--reason", f"r-{unique}", "--since", "2h", "--json")
    assert len(out.splitlines()) == 1
    code, _, wrong = await hands.redrive("--since", "2 fortnights")
    assert code == 2
    assert "neither how long ago" in wrong


def referring(holds, stored, key, bucket):
    told = {
        "dead-letter-ref-holds": holds,
        "dead-letter-ref-bucket": bucket,
        "dead-letter-ref-key": key,
        "dead-letter-ref-sha256": hashlib.sha256(stored).hexdigest(),
        "dead-letter-ref-size-bytes": str(len(stored)),
    }
    added = tuple((name, text.encode()) for name, text in told.items())

    def change(letter):
        kept = letter.headers if holds == "value" else letter.headers[len(HEADERS) :]
        return replace(letter, key=letter.key if holds == "value" else None, value=None, headers=(*kept, *added))

    return change


async def test_what_lies_in_the_bucket_is_read_and_what_was_tampered_with_is_left_alone(hands, unique):
    whole, value, spoilt, gone = (garbage(unique, number) for number in range(4))
    for name, record, holds, stored in (
        ("whole", whole, "record", encode_buried(whole)),
        ("value", value, "value", value.value),
        ("spoilt", spoilt, "value", spoilt.value),
        ("gone", gone, "value", gone.value),
    ):
        key = f"dead-letter/{unique}/{name}"
        if name != "gone":
            hands.put(key, stored if name != "spoilt" else stored + b"!")
        await hands.bury(record, reason=f"r-{unique}", change=referring(holds, stored, key, hands.bucket))
    choice = ("--reason", f"r-{unique}", "--yes")
    (code, out, wrong), sent = await hands.sent_by(of(unique), *choice)
    assert (code, by_key(sent)) == (1, [whole, value])
    assert "2 of 4 dead letters put back" in out
    assert f"{unique}/spoilt has {len(spoilt.value) + 1} bytes that are not those that were put there" in wrong
    assert f"{unique}/gone cannot be read: NoSuchKey" in wrong
    code, _, wrong = await hands.redrive(*choice, S3_RESULTS_BUCKET="elsewhere")
    assert code == 1
    assert "set S3_RESULTS_BUCKET" in wrong


async def test_a_topic_that_is_none_of_ours_gets_nothing_unless_it_is_named(hands, unique):
    foreign = replace(garbage(unique), topic=topics.PROGRESS)
    await hands.bury(foreign, reason=f"r-{unique}")
    choice = ("--reason", f"r-{unique}", "--yes")
    (code, _, wrong), sent = await hands.sent_by(of(unique), *choice, topic=topics.PROGRESS)
    assert (code, sent) == (1, [])
    assert "name it by --topic" in wrong
    named = (*choice, "--topic", topics.PROGRESS)
    (code, _, _), sent = await hands.sent_by(of(unique), *named, topic=topics.PROGRESS)
    assert (code, sent) == (0, [foreign])


async def test_a_record_without_key_and_value_goes_back_too(hands, unique):
    bare = KafkaRecord(topic=topics.REQUESTED, key=None, value=None, headers=(("x", unique.encode()),))
    await hands.bury(bare, reason=f"r-{unique}")
    (code, _, _), sent = await hands.sent_by(
        lambda record: record.headers == bare.headers, "--reason", f"r-{unique}", "--yes"
    )
    assert (code, sent) == (0, [bare])


async def test_misuse_is_named(hands):
    for arguments, word in (
        (("--failed", "--reason", "not_json"), "give one"),
        (("--code", "x"), "add --failed"),
        (("--tenant", "x"), "add --failed"),
    ):
        code, _, wrong = await hands.redrive(*arguments)
        assert code == 2
        assert word in wrong
    code, _, wrong = await hands.redrive(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert code == 1
    assert "no broker answers" in wrong


# What the ledger holds.


def request_of(tenant, name, *, rerun=0, **fields):
    data = {"request_id": name, "tenant": tenant, "instruction": "é"} | ({"rerun": rerun} if rerun else {}) | fields
    return KafkaRecord(topic=topics.REQUESTED, key=b"\xff", value=json.dumps(data).encode(), headers=(("x", b"\xff"),))


def record_end(hands, request, done, *, at=NOON):
    data = json.loads(request.value)
    rerun = data.get("rerun", 0)
    identity = Identity(
        tenant=data["tenant"], source=f"urn:kafka:{request.topic}", request_id=data["request_id"], rerun=rerun
    )
    completion = encode_completed(
        done, result_json=None, event_id=identity.completion_id(), source="/w", time=NOON, key=b"k"
    )
    answer = AnswerDocument(
        fingerprint="0" * 64,
        outcome=done.outcome,
        recorded_at=at.isoformat(),
        completion=completion,
        request=request,
    )
    hands.put(f"ledger/{data['tenant']}/{identity.completion_id()}/answer.json", encode_answer(answer))


def failed(code="provider_billing", outcome="failed"):
    return ended(outcome, code, "why", "r", "ask")


async def asked_again(hands, tenant, *choice):
    """The (request_id, rerun) pairs that the command sent, and its answer."""
    arguments = ("--tenant", tenant, *choice, "--yes")
    answer, sent = await hands.sent_by(of(f'"{tenant}"'), *arguments)
    documents = [json.loads(record.value) for record in sent]
    return answer, sorted((each["request_id"], each["rerun"]) for each in documents), sent


async def test_a_failed_request_is_asked_again_with_its_own_bytes_and_the_next_rerun(hands, unique):
    tenant = f"t-{unique}"
    request = request_of(tenant, "a")
    record_end(hands, request, failed())
    record_end(hands, request_of(tenant, "b"), succeeded("b"))
    record_end(hands, request_of(tenant, "c"), failed("media_missing", "rejected"))
    (code, out, _), sent = await hands.sent_by(of(tenant), "--failed", "--tenant", tenant)
    assert (code, sent) == (0, [])
    assert "1 request would be asked again (provider_billing 1)" in out
    for _ in range(2):  # as long as the rerun has no end it is the same record again: the ledger asks it once
        (code, out, wrong), _, sent = await asked_again(hands, tenant, "--failed")
        assert (code, wrong) == (0, "")
        value = b'{"rerun":1,' + request.value[1:]
        assert sent == [replace(request, value=value)]
        assert "1 of 1 request asked again" in out
    _, again, _ = await asked_again(hands, tenant, "--rejected")
    assert again == [("c", 1)]


async def test_only_the_last_try_of_a_request_counts(hands, unique):
    tenant = f"t-{unique}"
    for name, ends in {
        "twice": {0: failed(), 1: failed()},
        "cured": {0: failed(), 1: succeeded("x")},
        "jumped": {0: failed(), 7: failed()},
        "otherwise": {0: failed(), 1: failed("answer_truncated")},
    }.items():
        for rerun, done in ends.items():
            record_end(hands, request_of(tenant, name, rerun=rerun), done)
    (_, _, wrong), again, _ = await asked_again(hands, tenant, "--failed", "--code", "provider_billing")
    assert again == [("jumped", 8), ("twice", 2)]
    assert "2 were asked again since" in wrong


async def test_failures_are_chosen_by_code_time_profile_and_limit(hands, unique):
    tenant = f"t-{unique}"
    for hours, (name, code) in enumerate([("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")]):
        request = request_of(tenant, name, profile="p" if name in "ac" else "q")
        done = failed(code).model_copy(update={"profile": None})
        record_end(hands, request, done, at=NOON + timedelta(hours=hours))
    choices = {
        ("--code", "y"): [("b", 1)],
        ("--code", "x", "--limit", "2"): [("a", 1), ("c", 1)],
        ("--profile", "p"): [("a", 1), ("c", 1)],
        ("--since", (NOON + timedelta(hours=2)).isoformat()): [("c", 1), ("d", 1)],
        ("--until", (NOON + timedelta(hours=1)).isoformat()): [("a", 1)],
    }
    for choice, wanted in choices.items():
        _, again, _ = await asked_again(hands, tenant, "--failed", *choice)
        assert again == wanted, choice


async def test_a_deadline_that_has_passed_and_an_answer_that_cannot_be_read_are_left_alone(hands, unique):
    tenant = f"t-{unique}"
    record_end(hands, request_of(tenant, "late", limits={"deadline": "2026-01-01T00:00:00Z"}), failed())
    record_end(hands, request_of(tenant, "fine"), failed())
    hands.put(f"ledger/{tenant}/{'0' * 64}/answer.json", b'{"format": 99}')
    (code, out, wrong), again, _ = await asked_again(hands, tenant, "--failed")
    assert (code, again) == (1, [("fine", 1)])
    assert "1 of 1 request asked again" in out
    assert "1 are left alone: the deadline in the request has passed" in wrong
    assert f"ledger/{tenant}/{'0' * 64}/answer.json" in wrong


async def test_an_event_keeps_its_id_and_its_source_when_it_is_asked_again(hands, unique):
    tenant = f"t-{unique}"
    event = encode_event(
        type=topics.REQUESTED,
        data=AnalysisRequested(request_id="a", tenant=tenant, instruction="x"),
        event_id="e-1",
        source="/shop",
        time=NOON,
        topic=topics.REQUESTED,
        key=b"k",
    )
    record_end(hands, event, failed())
    _, again, sent = await asked_again(hands, tenant, "--failed")
    assert again == [("a", 1)]
    assert [record.headers for record in sent] == [event.headers]
