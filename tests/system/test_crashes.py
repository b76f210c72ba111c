"""Kills, drains and repeats, from outside: one completion each, and what was paid is known.

After a kill the next worker joins a group of its own: it reads from the beginning, as a redelivery would let it, and
does not wait for the dead member's session to end.
"""

import signal

SLOW = {"first_token_seconds": 0.2, "chunk_seconds": 0.3, "chunk_characters": 8}


def rule(marker, **do):
    return {"match": {"contains": marker}, "do": do}


async def test_a_worker_killed_in_mid_stream_costs_one_more_call_at_most(
    empty_stack, wire, simulator, start_worker, unique
):
    await simulator.play({"match": {"contains": unique, "nth": 1}, "do": {"fault": "stall"}})
    first = await start_worker().wait_ready()
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}."})
    await simulator.until_called(unique)
    first.kill()
    start_worker()
    completion = await wire.completion(unique, seconds=60)
    calls = await simulator.calls_with(unique)
    assert len(calls) == 2
    assert completion.data.outcome == "succeeded"
    assert [(attempt.outcome, attempt.basis) for attempt in completion.data.attempts] == [
        ("abandoned", "estimated"),
        ("succeeded", "reported"),
    ]
    assert completion.data.usage.calls == 2
    assert completion.data.usage.estimated.calls == 1
    assert completion.data.usage.estimated.input_tokens > 0
    assert len(wire.completions(unique)) == 1


async def test_sigterm_lets_a_running_answer_end(empty_stack, wire, simulator, start_worker, unique):
    await simulator.play(rule(unique, **SLOW))
    worker = await start_worker().wait_ready()
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}."})
    await simulator.until_called(unique, status="running")
    worker.signal(signal.SIGTERM)
    assert await worker.wait() == 0
    completion = await wire.completion(unique)
    assert completion.data.outcome == "succeeded"
    assert completion.data.usage.estimated.calls == 0
    # The offset was committed: the next worker of the group has nothing to do again.
    again = await start_worker(like=worker).wait_ready()
    await wire.publish({"request_id": f"{unique}-2", "instruction": "Say more."})
    await wire.completion(f"{unique}-2")
    assert await again.stop() == 0
    assert len(wire.completions(unique)) == 1
    assert len(await simulator.calls_with(unique)) == 1


async def test_a_call_cut_off_by_the_drain_is_closed_and_taken_over_at_once(
    empty_stack, wire, simulator, start_worker, unique
):
    await simulator.play({"match": {"contains": unique, "nth": 1}, "do": {"fault": "stall", "after_chunks": 2}})
    worker = await start_worker(WORKER_DRAIN_SECONDS="0.5", WORKER_CLAIM_STALE_SECONDS="600").wait_ready()
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}."})
    await simulator.until_called(unique, status="held")
    assert await worker.stop() == 0
    assert wire.completions(unique) == []
    start_worker(WORKER_CLAIM_STALE_SECONDS="600")
    completion = await wire.completion(unique, seconds=30)
    assert [(attempt.outcome, attempt.basis) for attempt in completion.data.attempts] == [
        ("cancelled", "estimated"),
        ("succeeded", "reported"),
    ]


async def test_a_request_that_kills_its_worker_three_times_is_not_started_again(
    empty_stack, wire, simulator, start_worker, unique
):
    await simulator.play(rule(unique, fault="stall"))
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}."})
    for count in (1, 2):
        worker = start_worker(WORKER_MAX_STARTS="2")
        await simulator.until_called(unique, count=count)
        worker.kill()
    start_worker(WORKER_MAX_STARTS="2")
    completion = await wire.completion(unique, seconds=60)
    assert (completion.data.outcome, completion.error_code) == ("failed", "worker_crashed")
    assert completion.data.usage.estimated.calls == 2
    assert len(await simulator.calls_with(unique)) == 2


async def test_a_repeat_gets_the_same_bytes_and_a_conflict_is_a_dead_letter(
    empty_stack, wire, simulator, start_worker, unique
):
    await start_worker().wait_ready()
    request = {"request_id": unique, "instruction": f"Say {unique}."}
    await wire.publish(request)
    first = await wire.completion(unique)
    await wire.publish(request)
    second = await wire.completion(unique, count=2)
    events = [[h for h in one.heard.headers if h[0].startswith("ce_")] for one in (first, second)]
    assert (second.heard.value, second.heard.key, events[1]) == (first.heard.value, first.heard.key, events[0])
    await wire.publish(request | {"instruction": f"Say {unique} twice."})
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    assert letter.header("dead-letter-reason") == "request_conflict"
    assert len(await simulator.calls_with(unique)) == 1


async def test_more_requests_than_slots_all_complete(empty_stack, wire, start_worker, unique):
    await start_worker(WORKER_MAX_IN_FLIGHT="4").wait_ready()
    names = [f"{unique}-{number}" for number in range(60)]
    for name in names:
        await wire.publish({"request_id": name, "instruction": f"Say {name}."})
    for name in names:
        assert (await wire.completion(name)).data.outcome == "succeeded"
