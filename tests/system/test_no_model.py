"""No key, a wrong key, an account in arrears: no request is failed by it, the worker waits, says so, and goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.processes import until

CALM = {"WORKER_DRAIN_SECONDS": "1"}


async def until_unready(worker, words):
    async def says_so():
        answer = await worker.get("/readyz")
        return answer.status_code == 503 and any(words in fault for fault in answer.json()["faults"])

    await until(says_so, what=lambda: f"/readyz with {words!r}:\n{worker.stderr[-2000:]}")


@pytest.mark.parametrize("key", [None, "no-such-key"], ids=["without a key", "with a wrong key"])
async def test_a_refused_key_fails_nothing_and_the_next_worker_that_has_one_goes_on(
    empty_stack, wire, start_worker, unique, key
):
    worker = await start_worker(MODEL_API_KEY=key, **CALM).wait_ready()
    await wire.publish({"request_id": unique, "instruction": "Say it."})
    await until_unready(worker, "MODEL_API_KEY")
    assert (await worker.get("/livez")).status_code == 200
    assert "no-such-key" not in worker.stderr
    assert await worker.stop() == 0
    assert not wire.completions(unique)
    start_worker(like=worker)
    completion = await wire.completion(unique)
    assert completion.data.outcome == "succeeded"
    assert completion.data.attempts[0].outcome == "provider_unauthorized"
    assert completion.data.attempts[0].usage.total_tokens == 0


async def test_a_request_that_runs_out_of_time_meanwhile_says_why(empty_stack, wire, start_worker, unique):
    worker = await start_worker(MODEL_API_KEY=None, **CALM).wait_ready()
    deadline = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    await wire.publish({"request_id": unique, "instruction": "Say it.", "limits": {"deadline": deadline}})
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.error_code) == ("failed", "deadline_exceeded")
    assert "MODEL_API_KEY" in completion.data.error.message
    assert await worker.stop() == 0


async def test_an_account_in_arrears_stops_the_intake_until_it_is_settled(
    empty_stack, wire, simulator, start_worker, unique
):
    await simulator.play({"match": {"contains": "Say"}, "do": {"fault": "arrearage"}})
    worker = await start_worker(WORKER_MAX_IN_FLIGHT="2", **CALM).wait_ready()
    names = [f"{unique}-{number}" for number in range(8)]
    for name in names:
        await wire.publish({"request_id": name, "instruction": f"Say {name}."})
    await until_unready(worker, "account")
    refused = await simulator.calls_with("Say")
    assert len({tuple(call["texts"]) for call in refused}) <= 2, "the rest of the backlog was not touched"
    await simulator.play()
    for name in names:
        assert (await wire.completion(name)).data.outcome == "succeeded"
    await worker.wait_ready()
