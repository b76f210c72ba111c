"""One completion, one payment: repeats, conflicts, retries, and offsets that never pass what is unfinished."""

from __future__ import annotations

import json

import pytest_asyncio

from media_contracts import Identity
from tests.processes import until
from tests.system.harness_offsets import open_committed


def rule(marker, nth=None, **do):
    return {"match": {"contains": marker} | ({"nth": nth} if nth else {}), "do": do}


def asking(unique, **more):
    return {"request_id": unique, "instruction": f"Say {unique}."} | more


def published(completion):
    """What must never differ between two publications of one completion."""
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
    # The headers name the event that caused the first one, so the whole record is the same.
    assert published(second) == published(first)
    assert first.heard.header("ce_id") == identity(unique)
    assert len(await simulator.calls_with(unique)) == 1


def identity(unique, rerun=0):
    return Identity(tenant="default", source="/tests", request_id=unique, rerun=rerun).completion_id()


async def test_a_repeat_that_comes_while_the_first_is_asked_waits_for_its_answer(
    shared_worker, wire, simulator, unique
):
    await simulator.play(rule(unique, fault="hold"))
    await wire.publish(asking(unique))
    await simulator.until_called(unique, status="held")
    await wire.publish(asking(unique), key=b"another partition, perhaps")
    parked = 'event": "parked'.replace(" ", "")
    del parked
    await until(lambda: waits_for_a_claim(shared_worker, unique))
    await simulator.release()
    second = await wire.completion(unique, count=2)
    assert published(second) == published(wire.completions(unique)[0])
    assert len(await simulator.calls_with(unique)) == 1


def waits_for_a_claim(worker, unique):
    stages = [line.get("stage") for line in worker.log_lines() if line.get("request_id") == unique]
    return stages.count("recall") == 2
