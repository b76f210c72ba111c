"""A backlog that is older than its deadlines is told so, one by one, by a worker that is alive and ready all the time."""

from __future__ import annotations

import asyncio

from tests.processes import until

LATE = "2020-01-01T00:00:00Z"


async def test_a_worker_that_works_off_expired_requests_is_alive(empty_stack, wire, simulator, start_worker, unique):
    names = [f"{unique}-{number}" for number in range(150)]
    await asyncio.gather(
        *(wire.publish({"request_id": name, "instruction": "Say it.", "limits": {"deadline": LATE}}) for name in names)
    )
    worker = await start_worker(WORKER_MAX_IN_FLIGHT="4").wait_ready()
    looks = []

    async def all_told():
        looks.append((await worker.get("/livez")).text)
        return all(wire.completions(name) for name in names)

    await until(all_told, seconds=90, what="the whole backlog")
    assert set(looks) == {'{"ok":true,"faults":[]}'}
    assert {wire.completions(name)[0].error_code for name in names} == {"deadline_exceeded"}
    assert not await simulator.calls_with("Say it")
    assert await worker.stop() == 0
