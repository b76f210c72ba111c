"""With `progress: true` what is complete of an answer is published while it grows; it delays nothing and fails nothing."""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from itertools import pairwise

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from analysis_devstack.topics import contract_topics, create_topics
from media_contracts.topics import PROGRESS
from tests.system.harness_worker import WorkerProcess
from tests.system.long_media import talk

ITEM = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "items": {"type": "array", "items": ITEM}, "end": {"type": "boolean"}},
    "required": ["title", "items", "end"],
}
SLOWLY = {"chunk_seconds": 0.05, "chunk_characters": 16}


def answer(title, items=12, **changes):
    return {"title": title, "items": [{"text": f"{title}, item {n}"} for n in range(items)], "end": True} | changes


def at(document, pointer):
    for step in pointer.split("/")[1:]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def by_attempt(events):
    """What was told under each segment and attempt, in order; checks that it only grows and never changes."""
    told = defaultdict(list)
    for event in events:
        told[event.data.segment, event.data.attempt].append(event.data)
    for reports in told.values():
        assert [one.sequence for one in reports] == list(range(1, len(reports) + 1))
        for before, after in pairwise(reports):
            assert before.fields.items() <= after.fields.items()
    assert len({event.event_id for event in events}) == len(events)
    return {key: [one.fields for one in reports] for key, reports in told.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_worker(fresh_stack, tmp_path_factory):
    """A worker that tells often."""
    folder = tmp_path_factory.mktemp("worker")
    worker = WorkerProcess(fresh_stack, folder, overrides={"WORKER_PROGRESS_SECONDS": "0.05"}).start()
    try:
        yield await worker.wait_ready()
        assert await worker.stop() == 0
    finally:
        worker.kill()


@pytest.fixture
def told(shared_worker, wire, simulator, unique):
    """A function: the completion of a request whose calls are answered so, and its progress."""

    async def ask(*rules, **request):
        marked = [{"match": {"contains": unique} | match, "do": SLOWLY | do} for match, do in rules]
        await simulator.play(*marked)
        request = {"request_id": unique, "instruction": f"Say {unique}.", "progress": True} | request
        trace_id = secrets.token_hex(16)
        await wire.publish(request, key=b"the caller's", traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
        completion = await wire.completion(unique)
        events = wire.progress(unique)
        assert {event.traceparent.split("-")[1] for event in events} <= {trace_id}
        keys = {one.key for one in wire.heard if one.topic == PROGRESS and unique.encode() in one.value}
        assert keys <= {b"the caller's"}
        return completion.data, events

    return ask


async def test_fields_come_one_after_the_other_long_before_the_end(told):
    whole = answer("A day at sea")
    done, events = await told(({}, {"text": json.dumps(whole)}), output_schema=SCHEMA)
    assert (done.outcome, done.result, done.warnings) == ("succeeded", whole, ())
    [reports] = by_attempt(events).values()
    assert all(at(done.result, pointer) == value for pointer, value in reports[-1].items())
    assert {"/title", "/items/0", "/items/5"} <= reports[-1].keys()
    assert "/items" not in reports[-1]
    first = next(event.time for event in events if event.data.fields)
    begun = done.request.accepted_at
    assert (first - begun) < (done.completed_at - begun) / 2
    times = [event.time for event in events]
    assert all((after - before).total_seconds() >= 0.045 for before, after in pairwise(times))


async def test_a_profile_s_answer_is_told_as_it_grows(told, bucket, unique):
    medium = {"kind": "audio", **bucket.upload(f"progress/{unique}.wav", talk(60), content_type="audio/wav")}
    done, events = await told(({}, {}), media=[medium], profile="audio_storyline")
    assert done.outcome == "succeeded"
    [reports] = by_attempt(events).values()
    first, begun = next(event.time for event in events if event.data.fields), done.request.accepted_at
    assert (first - begun) < (done.completed_at - begun) / 2
    assert all(at(done.result, pointer) == value for pointer, value in reports[-1].items())


@pytest.mark.parametrize(
    ("fault", "outcome", "tells"),
    [
        ({"text": json.dumps(answer("The first", end="no"))}, "answer_wrong_shape", True),
        ({"text": json.dumps(answer("The first"))[:300], "whole": True}, "answer_not_json", True),
        ({"text": json.dumps(answer("The first")), "fault": "cut", "after_chunks": 15}, "stream_cut", True),
        ({"text": "I cannot tell: " + json.dumps(answer(5)), "whole": True}, "answer_wrong_shape", False),
    ],
)
async def test_a_higher_attempt_takes_the_place_of_one_that_came_to_nothing(told, fault, outcome, tells):
    whole = answer("The second")
    done, events = await told(({"times": 1}, fault), ({}, {"text": json.dumps(whole)}), output_schema=SCHEMA)
    assert (done.outcome, done.result) == ("succeeded", whole)
    assert [one.outcome for one in done.attempts] == [outcome, "succeeded"]
    reports = by_attempt(events)
    if tells:
        assert reports[None, 1][-1]["/title"] == "The first"
    else:
        assert reports[None, 1][-1] == {}
    assert all(at(done.result, pointer) == value for pointer, value in reports[None, 2][-1].items())
    assert reports[None, 2][-1]["/title"] == "The second"
    attempts = [event.data.attempt for event in events]
    assert attempts == sorted(attempts)


async def test_each_segment_of_a_long_medium_is_told_for_itself(told, bucket, unique):
    medium = {"kind": "audio", **bucket.upload(f"progress/{unique}.wav", talk(300), content_type="audio/wav")}
    done, events = await told(({}, {}), media=[medium], profile="subtitles")
    assert (done.outcome, len(done.segments)) == ("succeeded", 3), done.error
    reports = by_attempt(events)
    segments = {segment for (segment, _), fields in reports.items() if fields[-1]}
    assert segments - {None} == {0, 1, 2}
    for (segment, _), fields in reports.items():
        for pointer, value in fields[-1].items():
            if re.fullmatch(r"/cues/\d+", pointer):
                part = done.segments[segment]
                assert part.start_seconds - 1 <= value["start_seconds"] <= part.end_seconds + 1


async def test_who_does_not_ask_for_progress_gets_none(told):
    done, events = await told(({}, {"text": json.dumps(answer("Quiet"))}), output_schema=SCHEMA, progress=False)
    assert (done.outcome, events) == ("succeeded", [])


async def test_what_was_told_is_counted(told, shared_worker):
    await told(({}, {"text": json.dumps(answer("Counted", items=3))}), output_schema=SCHEMA)
    metrics = (await shared_worker.get("/metrics")).text
    assert re.search(r'media_analysis_progress_events_total\{result="published"\} [1-9]', metrics)
    assert 'result="failed"' not in metrics


async def test_a_topic_that_is_not_there_fails_nothing(fresh_stack, told, shared_worker):
    client = {"bootstrap_servers": fresh_stack.environment["KAFKA_BOOTSTRAP_SERVERS"]}
    whole = answer("Nobody hears it", items=10)
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    await admin.delete_topics([PROGRESS])
    await admin.close()
    try:
        done, _ = await told(({}, {"text": json.dumps(whole)}), output_schema=SCHEMA)
    finally:
        await create_topics(contract_topics(), client=client)
    assert (done.outcome, done.result) == ("succeeded", whole)
    assert done.timings.total_seconds - done.timings.stream_seconds < 3
    # Some brokers make the topic anew when somebody asks for it, Tansu among them; what is lost is said once.
    assert [line for line in shared_worker.log_lines() if line.get("event") == "progress_lost"][1:] == []
