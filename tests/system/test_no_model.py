"""No key, a wrong key: the request says so, and the next worker that has one goes on."""

import pytest


async def assert_next_completes(wire, start_worker, unique):
    start_worker()
    name = f"{unique}-next"
    await wire.publish({"request_id": name, "instruction": "Say it again."})
    assert (await wire.completion(name)).data.outcome == "succeeded"


@pytest.mark.parametrize("key", [None, "no-such-key"], ids=["without a key", "with a wrong key"])
async def test_a_request_fails_by_name(empty_stack, wire, start_worker, unique, key):
    worker = start_worker(MODEL_API_KEY=key)
    await wire.publish({"request_id": unique, "instruction": "Say it."})
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.error_code) == ("failed", "provider_unauthorized")
    assert (completion.data.error.http_status, completion.data.error.stage) == (401, "ask")
    assert completion.data.usage.total_tokens == 0
    assert "no-such-key" not in worker.stderr
    assert await worker.stop() == 0
    await assert_next_completes(wire, start_worker, unique)
