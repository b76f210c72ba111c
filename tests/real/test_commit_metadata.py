"""What is finished beyond an open request travels in the commit's metadata, and is not even looked at again (law 3)."""

from __future__ import annotations

import json

import pytest

from tests.processes import until
from tests.system.harness_offsets import open_committed
from tests.system.harness_tap import open_tap

pytestmark = pytest.mark.real_only("the embedded broker drops the metadata of commits")

PARTITION, FAST = 3, 300


async def publish(wire, name):
    sent = await wire.publish_raw(
        json.dumps({"request_id": name, "instruction": f"Say {name}."}).encode(),
        key=name.encode(),
        headers=[("content-type", b"application/json")],
        partition=PARTITION,
    )
    return sent.offset


@pytest.fixture
def held(unique):
    return f"{unique}-held"


@pytest.fixture
async def offsets(empty_stack, wire, simulator, unique, held):
    """One request whose first call is held open, and many fast ones behind it in its partition: name → offset."""
    await simulator.play({"match": {"contains": held, "nth": 1}, "do": {"fault": "hold"}}, first_token_seconds=0.05)
    return {name: await publish(wire, name) for name in (held, *(f"{unique}-{number}" for number in range(FAST)))}


async def reads_of(tap, wire, names):
    """The requests that reached the store for these, by the ids of their completions."""
    ids = {wire.completions(name)[0].event.event_id for name in names}
    return [one for one in tap.requests("/ledger/") if any(each in one.path for each in ids)]


async def test_what_a_killed_worker_had_finished_beyond_an_open_request_is_not_redone(
    offsets, held, empty_stack, wire, simulator, start_worker
):
    fast = [name for name in offsets if name != held]
    first = await start_worker(WORKER_MAX_IN_FLIGHT="8").wait_ready()
    async with open_committed(empty_stack) as committed, open_tap(empty_stack.environment["S3_ENDPOINT"]) as tap:

        async def many_are_finished():
            return (await committed.map_of(first.group_id, PARTITION)).finished_count > FAST // 3

        await until(many_are_finished, seconds=60, what="a commit that carries a third of them")
        first.kill()
        commit_map = await committed.map_of(first.group_id, PARTITION)
        known = [name for name in fast if commit_map.finished(offsets[name])]
        assert (await committed.of(first.group_id))[PARTITION] == offsets[held]
        start_worker(like=first, S3_ENDPOINT=tap.url)
        for name in offsets:
            assert (await wire.completion(name, seconds=60)).data.outcome == "succeeded"

        async def all_is_committed():
            return (await committed.of(first.group_id))[PARTITION] == max(offsets.values()) + 1

        await until(all_is_committed)
        assert await reads_of(tap, wire, known) == []
        assert await reads_of(tap, wire, [held]) != []
    assert FAST // 3 < len(known) < FAST
    calls = [call for call in await simulator.calls() if call["status"] == "finished"]
    for name in known:
        assert len(wire.completions(name)) == 1
        assert len([call for call in calls if f"Say {name}." in "".join(call["texts"])]) == 1
    assert len(await simulator.calls_with(held)) == 2


async def test_a_drained_worker_leaves_nothing_but_the_open_request_to_the_next(
    offsets, held, empty_stack, wire, simulator, start_worker
):
    fast = [name for name in offsets if name != held]
    first = await start_worker(WORKER_DRAIN_SECONDS="0.5").wait_ready()
    for name in fast:
        await wire.completion(name, seconds=60)
    assert await first.stop() == 0
    async with open_committed(empty_stack) as committed, open_tap(empty_stack.environment["S3_ENDPOINT"]) as tap:
        commit_map = await committed.map_of(first.group_id, PARTITION)
        assert (commit_map.base, commit_map.finished_count) == (offsets[held], FAST)
        start_worker(like=first, S3_ENDPOINT=tap.url)
        assert (await wire.completion(held, seconds=60)).data.outcome == "succeeded"
        assert await reads_of(tap, wire, fast) == []
    assert len(wire.heard) == FAST + 1
    assert len(await simulator.calls()) == FAST + 2
