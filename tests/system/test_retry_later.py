"""What is tried again later goes by way of the retry topics; what is due later delays nothing else (laws 1, 2, 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from media_contracts import headers as names
from media_contracts.topics import REQUESTED, RETRY_TOPICS
from tests.processes import until

HALF_MINUTE, _, HOUR = (name for name, _ in RETRY_TOPICS)


@pytest_asyncio.fixture
async def copies(empty_stack):
    """What was sent to the topic of half a minute, as it comes."""
    heard = []
    servers = empty_stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaConsumer(HALF_MINUTE, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:

        async def more():
            for records in (await consumer.getmany(timeout_ms=100)).values():
                heard.extend(records)
            return heard

        yield more


async def test_a_model_in_trouble_is_asked_again_by_way_of_a_retry_topic(copies, wire, simulator, start_worker, unique):
    await simulator.play({"match": {"contains": unique, "times": 3}, "do": {"fault": "early_close"}})
    worker = await start_worker().wait_ready()
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}."}, event_id=f"{unique}-event")
    copy = (await until(copies, what="a copy"))[0]
    said = {name: value.decode() for name, value in copy.headers}
    assert (said[names.RETRY_TOPIC], said[names.RETRY_ATTEMPT], said["ce_id"]) == (REQUESTED, "2", f"{unique}-event")
    due = datetime.fromisoformat(said[names.RETRY_NOT_BEFORE])
    assert timedelta(seconds=10) < due - datetime.now(UTC) <= timedelta(seconds=30)
    assert len(await simulator.calls_with(unique)) == 3
    # Due now instead of in half a minute, so that nobody has to wait for it here.
    soon = [(name, value) for name, value in copy.headers if name != names.RETRY_NOT_BEFORE]
    soon.append((names.RETRY_NOT_BEFORE, datetime.now(UTC).isoformat().encode()))
    await wire.publish_raw(copy.value, key=copy.key, headers=soon, topic=HOUR)  # nothing lies before it there
    completion = await wire.completion(unique)
    assert completion.data.outcome == "succeeded"
    assert [one.outcome for one in completion.data.attempts] == ["stream_cut"] * 3 + ["succeeded"]
    assert completion.data.usage.calls == len(await simulator.calls_with(unique)) == 4
    assert completion.data.request.event_id == f"{unique}-event"
    assert [line["topic"] for line in worker.log_lines() if line.get("event") == "put_off"] == [HALF_MINUTE]


async def test_a_head_that_is_due_in_an_hour_delays_nothing_else(empty_stack, wire, start_worker, unique):
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat().encode()
    own = [(names.RETRY_NOT_BEFORE, later), (names.RETRY_TOPIC, REQUESTED.encode())]
    for topic in (HOUR, HALF_MINUTE):
        await wire.publish_raw(b'{"request_id": "%s", "instruction": "x"}' % unique.encode(), headers=own, topic=topic)
    worker = await start_worker().wait_ready()
    for number in range(5):
        await wire.publish({"request_id": f"{unique}-{number}", "instruction": "Say it."})
    for number in range(5):
        assert (await wire.completion(f"{unique}-{number}")).data.outcome == "succeeded"
    assert not wire.completions(unique)
    assert (await worker.get("/livez")).status_code == 200
    assert await worker.stop() == 0


async def test_a_model_that_is_away_fails_no_request_however_few_tries_it_has(
    copies, wire, simulator, start_worker, unique
):
    await simulator.play({"match": {"contains": unique, "times": 5}, "do": {"fault": "unavailable"}})
    worker = await start_worker(WORKER_MAX_ATTEMPTS="2").wait_ready()
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}."})
    completion = await wire.completion(unique)
    assert completion.data.outcome == "succeeded"
    assert [one.outcome for one in completion.data.attempts] == ["provider_down"] * 5 + ["succeeded"]
    assert completion.data.usage.calls == 6
    assert completion.data.usage.estimated.calls == 0, "a 503 is a refusal, which costs nothing"
    assert await worker.stop() == 0
    assert not await copies()
