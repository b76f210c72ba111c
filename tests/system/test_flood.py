"""A flood of garbage stops its partition and no other; readiness, a metric and the log say so; an operator lifts it."""

from __future__ import annotations

import json

import httpx
import pytest

from media_contracts.topics import REQUESTED
from tests.cli.stand_in import run_command
from tests.processes import until

WINDOW = 20
POISON = 60
STOPPED, FREE = 0, 1
METRIC = "media_analysis_flooded_partitions"
# A record that was admitted before the guard tripped may still end.
IN_FLIGHT = 8
QUIET_FLOOD = {
    "WORKER_FLOOD_WINDOW": str(WINDOW),
    "WORKER_FLOOD_SHARE": "0.5",
    "WORKER_MAX_IN_FLIGHT": str(IN_FLIGHT),
}


def request_of(name):
    return json.dumps({"request_id": name, "instruction": f"Say {name}."}).encode()


async def flood(wire, *, partition):
    for number in range(POISON):
        await wire.publish_raw(b"{garbage", key=str(number).encode(), partition=partition)


async def metric_of(worker):
    lines = (await worker.get("/metrics")).text.splitlines()
    return [float(line.split()[1]) for line in lines if line.startswith(METRIC + " ")]


async def until_stopped(worker):
    async def stopped():
        return (await worker.get("/readyz")).status_code == httpx.codes.SERVICE_UNAVAILABLE

    await until(stopped, seconds=30, what="the flood guard stops the worker's readiness")


@pytest.mark.parametrize("by", ["resume", "the setting"])
async def test_a_flood_stops_its_partition_until_somebody_lifts_it(empty_stack, start_worker, wire, unique, by):
    worker = await start_worker(**QUIET_FLOOD).wait_ready()
    await flood(wire, partition=STOPPED)
    await until_stopped(worker)
    place = f"{REQUESTED}-{STOPPED}"
    assert (await worker.get("/readyz")).json()["faults"] == [
        f"{place} is stopped by the flood guard: media-analysis resume"
    ]
    assert (await worker.get("/livez")).status_code == httpx.codes.OK
    assert await metric_of(worker) == [1.0]
    stops = [line for line in worker.log_lines() if line.get("event") == "flood_stopped"]
    assert [(line["level"], line["partition"], line["share"]) for line in stops] == [("error", place, 1.0)]

    # Another partition goes on, and what stands behind the flood waits.
    await wire.publish_raw(request_of(unique + "-behind"), partition=STOPPED)
    await wire.publish_raw(request_of(unique + "-beside"), partition=FREE)
    await wire.completion(unique + "-beside")
    assert WINDOW <= len(wire.dead_letters()) <= WINDOW + IN_FLIGHT
    assert wire.completions(unique + "-behind") == []

    if by == "the setting":
        assert await worker.stop() == 0
        worker = await start_worker(like=worker, **QUIET_FLOOD | {"WORKER_FLOOD_SHARE": "1"}).wait_ready()
    else:
        # What is left of the flood fills the fresh window twice more.
        await lift(worker, expected=[place])
        await until_stopped(worker)
        await lift(worker, expected=[place])
    if by == "resume":
        await lift_until_done(worker, wire, unique + "-behind")
    await wire.completion(unique + "-behind")
    assert len(wire.dead_letters()) == POISON
    assert await metric_of(worker) == [0.0]
    assert (await worker.get("/readyz")).status_code == httpx.codes.OK
    assert empty_stack is not None


async def lift(worker, *, expected):
    code, out, wrong = await run_command("resume", "--url", worker.url, "--json", environment={})
    assert (code, wrong) == (0, "")
    told = json.loads(out)
    assert [f"{each['topic']}-{each['partition']}" for each in told["resumed"]] == expected


async def lift_until_done(worker, wire, request_id):
    async def done():
        if (await worker.get("/readyz")).status_code != httpx.codes.OK:
            await run_command("resume", "--url", worker.url, environment={})
        return wire.completions(request_id)

    await until(done, seconds=30, what="the request behind the flood")


async def test_the_stop_outlives_a_rebalance_that_gives_the_partition_back(empty_stack, start_worker, wire):
    first = await start_worker(**QUIET_FLOOD).wait_ready()
    await flood(wire, partition=STOPPED)
    await until_stopped(first)
    second = start_worker(like=first, **QUIET_FLOOD)
    # Not until it is ready: if it is given that partition, what is left of the flood stops it there, too.
    await until(lambda: any(line.get("event") == "assigned" for line in second.log_lines()), seconds=60)
    assert await second.stop() == 0

    def assigned_anew():
        return sum(line.get("event") == "assigned" for line in first.log_lines()) >= 3

    await until(assigned_anew, seconds=30, what="all partitions back at the first worker")
    place = f"{REQUESTED}-{STOPPED}"
    assert any(place in fault for fault in (await first.get("/readyz")).json()["faults"])
    assert await metric_of(first) == [1.0]
    assert empty_stack is not None


async def test_only_the_partition_that_was_named_is_lifted_and_nonsense_is_refused(empty_stack, start_worker, wire):
    worker = await start_worker(**QUIET_FLOOD).wait_ready()
    await flood(wire, partition=STOPPED)
    await until_stopped(worker)
    async with httpx.AsyncClient(trust_env=False, base_url=worker.url) as client:
        other = await client.post("/resume", params={"topic": REQUESTED, "partition": FREE})
        assert (other.status_code, other.json()) == (httpx.codes.OK, {"resumed": []})
        for wrong in ({"partition": "0"}, {"topic": REQUESTED, "partition": "x"}):
            assert (await client.post("/resume", params=wrong)).status_code == httpx.codes.BAD_REQUEST
        assert (await client.get("/resume")).status_code == httpx.codes.METHOD_NOT_ALLOWED
    code, out, _ = await run_command(
        "resume", "--url", worker.url, "--topic", REQUESTED, "--partition", str(STOPPED), environment={}
    )
    assert (code, out) == (0, f"{worker.url}: resumed {REQUESTED}-{STOPPED}\n")
    assert empty_stack is not None
