"""Brokers that die, and limits that a broker enforces: nothing is lost, nothing fails, nothing is paid twice."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from media_contracts import headers as names
from media_contracts.topics import COMPLETED, REQUESTED, RETRY_TOPICS
from tests.processes import until
from tests.system.harness_offsets import open_committed

pytestmark = pytest.mark.real_only("the embedded broker is one process without copies, and enforces no limits")

HALF_MINUTE, _, HOUR = (name for name, _ in RETRY_TOPICS)


def asking(name):
    return json.dumps({"request_id": name, "instruction": f"Say {name}."}).encode()


async def all_committed(stack, worker, sent):
    """Wait until everything that was sent is committed."""
    ends = {}
    for one in sent:
        ends[one.partition] = max(ends.get(one.partition, 0), one.offset + 1)
    async with open_committed(stack) as committed:

        async def done():
            return await committed.of(worker.group_id) == ends

        await until(done, seconds=60, what="everything committed")


async def leader(stack, worker):
    return await stack.leader(COMPLETED, 0)


async def coordinator(stack, worker):
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        return f"broker-{await admin.find_coordinator(worker.group_id)}"
    finally:
        await admin.close()


@pytest.mark.parametrize("role", [leader, coordinator])
async def test_a_broker_killed_under_load_loses_nothing(empty_stack, wire, simulator, start_worker, unique, role):
    await simulator.play(first_token_seconds=0.1)
    worker = await start_worker(WORKER_MAX_IN_FLIGHT="16").wait_ready()
    wanted = [f"{unique}-{number}" for number in range(200)]
    sent = [
        await wire.publish_raw(asking(name), key=name.encode(), partition=number % 12)
        for number, name in enumerate(wanted[:100])
    ]
    await until(lambda: len(wire.heard) >= 20)
    victim = await role(empty_stack, worker)
    await empty_stack.kill(victim)
    sent += [
        await wire.publish_raw(asking(name), key=name.encode(), partition=number % 12)
        for number, name in enumerate(wanted[100:])
    ]
    for name in wanted:
        assert (await wire.completion(name, seconds=90)).data.outcome == "succeeded"
    assert await role(empty_stack, worker) != victim
    await all_committed(empty_stack, worker, sent)
    await empty_stack.start(victim)
    assert len(await simulator.calls()) == len(wanted)
    assert worker.exit_code is None
    assert "Traceback" not in worker.stderr
    assert (await worker.get("/livez")).status_code == 200


async def test_a_cluster_that_restarts_loses_nothing_and_needs_no_new_worker(
    empty_stack, wire, simulator, start_worker, unique
):
    await simulator.play(first_token_seconds=0.1)
    worker = await start_worker(WORKER_MAX_IN_FLIGHT="16").wait_ready()
    wanted = [f"{unique}-{number}" for number in range(100)]
    sent = [await wire.publish_raw(asking(name), key=name.encode()) for name in wanted]
    await until(lambda: len(wire.heard) >= 20)
    await empty_stack.restart("broker")
    for name in wanted:
        assert (await wire.completion(name, seconds=90)).data.outcome == "succeeded"
    await all_committed(empty_stack, worker, sent)
    assert len(await simulator.calls()) == len(wanted)
    for name in wanted:
        assert len({one.heard.value for one in wire.completions(name)}) == 1
    assert worker.exit_code is None


async def test_a_request_near_the_size_limit_is_put_off_whole(empty_stack, wire, simulator, start_worker, unique):
    await simulator.play({"match": {"contains": unique, "times": 3}, "do": {"fault": "early_close"}})
    await start_worker().wait_ready()
    headers = [("x-filler", b"x" * 1_000_000), ("x-null", None)]
    servers = empty_stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaConsumer(HALF_MINUTE, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        sent = await wire.publish_raw(asking(unique), key=b"a key", headers=headers)
        copy = await asyncio.wait_for(consumer.getone(), 30)
    assert (copy.key, copy.value, list(copy.headers[:2])) == (b"a key", asking(unique), headers)
    own = {name: value.decode() for name, value in copy.headers[2:]}
    assert own[names.RETRY_FIRST_TIMESTAMP] == datetime.fromtimestamp(sent.timestamp / 1000, UTC).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")
    # Due now instead of in half a minute, and at the head of a topic that nobody waits in.
    own[names.RETRY_NOT_BEFORE] = datetime.now(UTC).isoformat()
    soon = [*copy.headers[:2], *((name, value.encode()) for name, value in own.items())]
    await wire.publish_raw(copy.value, key=copy.key, headers=soon, topic=HOUR)
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.data.usage.calls) == ("succeeded", 4)
    assert completion.data.request.source == f"urn:kafka:{REQUESTED}"
