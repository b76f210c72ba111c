"""SIGTERM and saturation: what is under way ends, what is cut off is closed, and a full worker takes its time."""

from __future__ import annotations

import json
import signal

from tests.processes import until
from tests.system.harness_offsets import open_committed

SLOW = {"first_token_seconds": 0.2, "chunk_seconds": 0.2, "chunk_characters": 16}


def rule(marker, nth=None, **do):
    return {"match": {"contains": marker} | ({"nth": nth} if nth else {}), "do": do}


def asking(unique, **more):
    return {"request_id": unique, "instruction": f"Say {unique}."} | more


async def test_sigterm_lets_a_running_answer_end_and_commits_it(empty_stack, wire, simulator, start_worker, unique):
    await simulator.play(rule(unique, **SLOW))
    worker = await start_worker().wait_ready()
    sent = await wire.publish_raw(json.dumps(asking(unique)).encode(), partition=3)
    await simulator.until_called(unique, status="running")
    worker.signal(signal.SIGTERM)
    assert await worker.wait() == 0
    completion = await wire.completion(unique)
    [call] = await simulator.calls_with(unique)
    assert (completion.data.outcome, call["status"]) == ("succeeded", "finished")
    assert completion.data.usage.estimated.calls == 0
    # What is committed is not delivered again.
    async with open_committed(empty_stack) as committed:
        assert await committed.of(worker.group_id) == {3: sent.offset + 1}
    assert "Traceback" not in worker.stderr


async def test_a_call_cut_off_by_the_drain_is_closed_and_taken_over_at_once(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    await simulator.play(rule(unique, nth=1, fault="stall", after_chunks=2))
    # No claim grows stale here: only one that was released can be taken.
    worker = await start_worker(WORKER_DRAIN_SECONDS="0.5", WORKER_CLAIM_STALE_SECONDS="600").wait_ready()
    await wire.publish(asking(unique))
    [cut] = await simulator.until_called(unique, status="held")
    assert await worker.stop() == 0
    assert wire.completions(unique) == []
    async with open_committed(empty_stack) as committed:
        assert await committed.of(worker.group_id) == {}
    start_worker(WORKER_CLAIM_STALE_SECONDS="600")
    completion = await wire.completion(unique)
    data = completion.data
    assert [(one.outcome, one.basis) for one in data.attempts] == [
        ("cancelled", "estimated"),
        ("succeeded", "reported"),
    ]
    assert data.usage.estimated.calls == 1
    assert data.usage.estimated.input_tokens >= cut["billed"]["input_tokens"] > 0
    assert data.usage.estimated.output_tokens > 0
    claim = bucket.read_json(f"ledger/default/{completion.event.event_id}/claim-1.json")
    assert (claim["released"], claim["open"], len(claim["closed"])) == (True, [], 1)


async def test_more_requests_than_slots_all_complete_and_no_more_than_the_slots_are_asked_at_once(
    empty_stack, wire, simulator, start_worker, unique
):
    await simulator.play(first_token_seconds=0.05)
    await start_worker(WORKER_MAX_IN_FLIGHT="4").wait_ready()
    names = [f"{unique}-{number}" for number in range(60)]
    for name in names:
        await wire.publish(asking(name))
    for name in names:
        assert (await wire.completion(name)).data.outcome == "succeeded"
    calls = await simulator.calls()
    assert len(calls) == len(names)
    # Ends before starts at the same instant: who left has made room.
    steps = sorted([(call["at"], 1) for call in calls] + [(call["ended_at"], -1) for call in calls])
    open_calls = [sum(step for _, step in steps[: count + 1]) for count in range(len(steps))]
    assert 1 < max(open_calls) <= 4


async def test_who_is_told_to_end_while_it_joins_leaves_the_group(empty_stack, start_worker):
    worker = start_worker()

    def joins():
        return "waiting for messages" in worker.stderr  # FastStream's word before it asks the group

    await until(joins, seconds=60, what="a worker that is about to join")
    worker.terminate()
    assert await worker.wait() == 0
    # A member that was not closed stays in the group until its session times out, and holds up the others.
    assert "Unclosed" not in worker.stderr
