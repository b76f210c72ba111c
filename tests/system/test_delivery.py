"""One completion, one payment: repeats, conflicts, retries, and offsets that never pass what is unfinished."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest_asyncio

from media_contracts import Identity
from tests.processes import until
from tests.system.harness_offsets import open_committed

# CNY a token, qwen3.5-omni-plus in Beijing, text and pictures (help.aliyun.com model-pricing, mid-2026).
INPUT, OUTPUT = Decimal(7) / 1_000_000, Decimal(40) / 1_000_000


def rule(marker, nth=None, **do):
    return {"match": {"contains": marker} | ({"nth": nth} if nth else {}), "do": do}


def asking(unique, **more):
    return {"request_id": unique, "instruction": f"Say {unique}."} | more


def identity(unique, rerun=0):
    return Identity(tenant="default", source="/tests", request_id=unique, rerun=rerun).completion_id()


def published(completion):
    """What is the same in every publication of one completion: all but the trace of the publication itself."""
    heard = completion.heard
    return heard.key, heard.value, [header for header in heard.headers if header[0] != "traceparent"]


@pytest_asyncio.fixture
async def committed(stack):
    async with open_committed(stack) as opened:
        yield opened


async def test_a_repeat_gets_the_same_bytes_and_is_not_asked_again(shared_worker, wire, simulator, unique):
    await wire.publish(asking(unique))
    first = await wire.completion(unique)
    await wire.publish(asking(unique))
    second = await wire.completion(unique, count=2)
    assert published(second) == published(first)
    assert first.heard.header("ce_id") == identity(unique)
    assert len(await simulator.calls_with(unique)) == 1


async def test_a_repeat_that_comes_while_the_first_is_asked_waits_for_its_answer(
    shared_worker, wire, simulator, unique
):
    await simulator.play(rule(unique, fault="hold"))
    await wire.publish(asking(unique))
    await simulator.until_called(unique, status="held")
    await wire.publish(asking(unique))

    def stages():
        return Counter(line.get("stage") for line in shared_worker.log_lines() if line.get("request_id") == unique)

    await until(lambda: stages()["recall"] == 2)
    await simulator.release()
    second = await wire.completion(unique, count=2)
    assert published(second) == published(wire.completions(unique)[0])
    assert len(await simulator.calls_with(unique)) == 1
    assert stages()["ask"] == 1


async def test_a_rerun_is_another_request(shared_worker, wire, simulator, unique):
    await wire.publish(asking(unique))
    first = await wire.completion(unique)
    await wire.publish(asking(unique, rerun=1))
    second = await wire.completion(unique, count=2)
    assert (first.event.event_id, second.event.event_id) == (identity(unique), identity(unique, rerun=1))
    assert len(await simulator.calls_with(unique)) == 2


async def test_the_same_identity_for_another_question_is_a_dead_letter(shared_worker, wire, simulator, unique):
    await wire.publish(asking(unique))
    await wire.completion(unique)
    other = asking(unique, instruction=f"Say {unique} twice.")
    await wire.publish(other)
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    assert letter.header("dead-letter-reason") == "request_conflict"
    assert unique in letter.header("dead-letter-message")
    assert json.loads(letter.value)["instruction"] == other["instruction"]
    assert len(await simulator.calls_with(unique)) == 1
    assert len(wire.completions(unique)) == 1


async def test_a_conflict_is_found_while_the_first_is_still_asked(shared_worker, wire, simulator, unique):
    await simulator.play(rule(unique, fault="hold"))
    await wire.publish(asking(unique))
    await simulator.until_called(unique, status="held")
    await wire.publish(asking(unique, instruction="Another question."))
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    assert letter.header("dead-letter-reason") == "request_conflict"
    await simulator.release()
    assert (await wire.completion(unique)).data.outcome == "succeeded"


async def test_a_failure_of_the_provider_is_tried_again_and_both_calls_are_told(shared_worker, wire, simulator, unique):
    await simulator.play(rule(unique, nth=1, fault="server_error"))
    await wire.publish(asking(unique))
    data = (await wire.completion(unique)).data
    assert data.outcome == "succeeded"
    assert [(one.number, one.outcome) for one in data.attempts] == [(1, "provider_unavailable"), (2, "succeeded")]
    refused, answered = await simulator.calls_with(unique)
    assert (refused["http_status"], answered["http_status"]) == (500, 200)
    assert data.attempts[1].usage.input_tokens == answered["usage"]["prompt_tokens"]
    assert data.usage.calls == 2


async def test_a_stream_that_breaks_off_is_paid_as_estimated_and_asked_again(shared_worker, wire, simulator, unique):
    await simulator.play(rule(unique, nth=1, fault="cut", after_chunks=3))
    await wire.publish(asking(unique))
    data = (await wire.completion(unique)).data
    cut, whole = await simulator.calls_with(unique)
    assert [(one.outcome, one.basis) for one in data.attempts] == [
        ("stream_cut", "estimated"),
        ("succeeded", "reported"),
    ]
    estimated = data.usage.estimated
    assert estimated.calls == 1
    assert estimated.input_tokens >= cut["billed"]["input_tokens"] > 0
    assert estimated.output_tokens > 0
    assert data.usage.input_tokens == estimated.input_tokens + whole["usage"]["prompt_tokens"]
    assert data.usage.output_tokens == estimated.output_tokens + whole["usage"]["completion_tokens"]
    expected = INPUT * data.usage.input_tokens + OUTPUT * data.usage.output_tokens
    assert Decimal(data.cost.amount) == expected


async def test_an_offset_is_not_committed_past_an_unfinished_record(shared_worker, wire, simulator, committed, unique):
    await simulator.play(rule(f"{unique}-slow", fault="hold"))
    names = [f"{unique}-slow", f"{unique}-quick"]
    sent = [await wire.publish_raw(json.dumps(asking(name)).encode(), partition=7) for name in names]
    await simulator.until_called(names[0], status="held")
    await wire.completion(names[1])
    # Something later of another partition is committed, so a commit has passed since.
    marker = await wire.publish_raw(json.dumps(asking(f"{unique}-marker")).encode(), partition=8)
    group = shared_worker.group_id

    async def reached(partition, offset):
        return (await committed.of(group)).get(partition, 0) > offset

    await until(lambda: reached(8, marker.offset))
    assert not await reached(7, sent[0].offset)
    await simulator.release()
    await wire.completion(names[0])
    await until(lambda: reached(7, sent[1].offset))
    assert (await committed.of(group))[7] == sent[1].offset + 1
