"""Kills, from outside: one completion, one paid call more at most, and what was paid is known.

After a kill the next worker joins a group of its own: it reads from the beginning, as a redelivery would let it, and
does not wait for the dead member's session to end.
"""

from __future__ import annotations

import pytest


def rule(marker, nth=None, **do):
    return {"match": {"contains": marker} | ({"nth": nth} if nth else {}), "do": do}


def asking(unique):
    return {"request_id": unique, "instruction": f"Say {unique}."}


async def test_a_worker_killed_in_mid_stream_costs_one_more_call_at_most(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    await simulator.play(rule(unique, nth=1, fault="stall", after_chunks=2))
    first = await start_worker().wait_ready()
    await wire.publish(asking(unique))
    [cut] = await simulator.until_called(unique, status="held")
    first.kill()
    start_worker()
    completion = await wire.completion(unique, seconds=60)
    data = completion.data
    assert (data.outcome, len(await simulator.calls_with(unique))) == ("succeeded", 2)
    assert [(attempt.outcome, attempt.basis) for attempt in data.attempts] == [
        ("abandoned", "estimated"),
        ("succeeded", "reported"),
    ]
    assert (data.usage.calls, data.usage.estimated.calls) == (2, 1)
    assert data.usage.estimated.input_tokens >= cut["billed"]["input_tokens"] > 0
    assert len(wire.completions(unique)) == 1
    prefix = f"ledger/default/{completion.event.event_id}/"
    assert bucket.keys(prefix) == [f"{prefix}{name}.json" for name in ("answer", "claim-1", "claim-2")]


@pytest.mark.parametrize("starts", [2])
async def test_a_request_that_kills_every_worker_is_not_started_again(
    empty_stack, wire, simulator, start_worker, unique, starts
):
    options = {"WORKER_MAX_STARTS": str(starts), "WORKER_CLAIM_STALE_SECONDS": "1"}
    await simulator.play(rule(unique, fault="stall"))
    await wire.publish(asking(unique))
    for count in range(1, starts + 1):
        worker = start_worker(**options)
        await simulator.until_called(unique, count=count)
        worker.kill()
    start_worker(**options)
    completion = await wire.completion(unique, seconds=60)
    data = completion.data
    assert (data.outcome, completion.error_code, data.error.stage) == ("failed", "worker_crashed", "recall")
    assert [(attempt.outcome, attempt.basis) for attempt in data.attempts] == [("abandoned", "estimated")] * starts
    assert (data.usage.calls, data.usage.estimated.calls) == (starts, starts)
    assert len(await simulator.calls_with(unique)) == starts
