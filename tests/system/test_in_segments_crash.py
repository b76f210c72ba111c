"""A long medium whose worker dies half-way: what was finished is kept, what was under way is asked again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer

from media_contracts import Identity
from media_contracts import headers as names
from media_contracts.topics import RETRY_TOPICS
from tests.processes import until
from tests.system.long_media import REDUCTION, asked, sums, talk

PIECE_RATE = 44_100
"""A piece of two minutes has 9 MB then, too many to be sent inline."""


def prefix_of(unique):
    identity = Identity(tenant="default", source="/tests", request_id=unique, rerun=0)
    return f"ledger/default/{identity.completion_id()}/", f"scratch/default/{identity.completion_id()}/"


async def killed_half_way(start_worker, wire, simulator, bucket, unique, *, rate):
    """A worker that was killed while part 2 of 3 was asked and the others had been recorded; its scratch objects."""
    await simulator.play({"match": {"contains": "is part 2 of 3", "nth": 1}, "do": {"fault": "hold"}})
    medium = bucket.upload(f"long/{unique}.wav", talk(300, rate=rate), content_type="audio/wav")
    first = start_worker()
    await wire.publish(
        {
            "request_id": unique,
            "media": [{"kind": "audio", **medium}],
            "profile": "subtitles",
            "instruction": unique,
        }
    )
    ledger, scratch = prefix_of(unique)
    wanted = {f"{ledger}segment-0.json", f"{ledger}segment-2.json"}
    await until(lambda: wanted <= set(bucket.keys(ledger)), seconds=60, what="two recorded segments")
    await simulator.until_called("is part 2 of 3", status="held")
    left = bucket.keys(scratch)
    first.kill()
    return left


async def test_only_what_was_unfinished_is_asked_again_and_no_scratch_object_stays(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    left = await killed_half_way(start_worker, wire, simulator, bucket, unique, rate=PIECE_RATE)
    assert [key.rpartition("/")[2] for key in left] == ["segment-1.wav"]
    second = start_worker()
    done = (await wire.completion(unique, seconds=60)).data
    assert await second.stop() == 0
    assert (done.outcome, done.coverage, done.warnings) == ("succeeded", "complete", ())
    assert await asked(simulator, unique) == {1: 1, 2: 2, 3: 1}
    assert sorted((one.segment, one.outcome, one.basis) for one in done.attempts) == [
        (0, "succeeded", "reported"),
        (1, "abandoned", "estimated"),
        (1, "succeeded", "reported"),
        (2, "succeeded", "reported"),
    ]
    assert sums([done.usage]) == sums(one.usage for one in done.attempts) == sums(one.usage for one in done.segments)
    starts = [cue["start_seconds"] for cue in done.result["cues"]]
    assert starts == pytest.approx(list(range(0, 300, 20)), abs=0.1)
    assert bucket.keys(prefix_of(unique)[1]) == []


async def test_an_object_that_changed_discards_what_was_finished_and_says_so(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    await killed_half_way(start_worker, wire, simulator, bucket, unique, rate=8000)
    bucket.upload(f"long/{unique}.wav", talk(320), content_type="audio/wav")
    second = start_worker()
    done = (await wire.completion(unique, seconds=60)).data
    assert await second.stop() == 0
    assert (done.outcome, [warning.code for warning in done.warnings]) == ("succeeded", ["segments_discarded"])
    assert "objects" in done.warnings[0].message
    assert await asked(simulator, unique) == {1: 2, 2: 2, 3: 2}
    # What the discarded segments cost is in the bill.
    assert sums([done.usage]) == sums(one.usage for one in done.attempts)
    assert done.usage.calls == 6


async def test_a_drain_releases_and_the_next_worker_goes_on(empty_stack, wire, simulator, start_worker, bucket, unique):
    await simulator.play({"match": {"contains": "is part 2 of 3", "nth": 1}, "do": {"fault": "hold"}})
    medium = bucket.upload(f"long/{unique}.wav", talk(300), content_type="audio/wav")
    first = start_worker(WORKER_DRAIN_SECONDS="1")
    media = [{"kind": "audio", **medium}]
    await wire.publish({"request_id": unique, "media": media, "profile": "subtitles", "instruction": unique})
    ledger, _ = prefix_of(unique)
    wanted = {f"{ledger}segment-0.json", f"{ledger}segment-2.json"}
    await until(lambda: wanted <= set(bucket.keys(ledger)), seconds=60, what="two recorded segments")
    await simulator.until_called("is part 2 of 3", status="held")
    assert await first.stop() == 0
    second = start_worker()
    done = (await wire.completion(unique, seconds=60)).data
    assert await second.stop() == 0
    assert (done.outcome, await asked(simulator, unique)) == ("succeeded", {1: 1, 2: 2, 3: 1})
    assert sorted((one.segment, one.outcome) for one in done.attempts)[1:3] == [(1, "cancelled"), (1, "succeeded")]


async def test_what_is_put_off_lets_the_others_end_and_goes_on_with_them(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    broken = {"match": {"contains": "is part 2 of 3", "times": 3}, "do": {"fault": "early_close"}}
    slow = {"match": {"contains": "is part 3 of 3", "nth": 1}, "do": {"fault": "hold"}}
    await simulator.play(broken, slow)
    medium = bucket.upload(f"long/{unique}.wav", talk(300), content_type="audio/wav")
    worker = await start_worker().wait_ready()
    media = [{"kind": "audio", **medium}]
    await wire.publish({"request_id": unique, "media": media, "profile": "subtitles", "instruction": unique})
    servers = empty_stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    half_minute, _ = RETRY_TOPICS[0]
    async with AIOKafkaConsumer(half_minute, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        await simulator.until_called("is part 2 of 3", count=3)
        await simulator.until_called("is part 3 of 3", status="held")
        await simulator.release()
        copy = await asyncio.wait_for(consumer.getone(), timeout=30)
    ledger, _ = prefix_of(unique)
    assert {f"{ledger}segment-0.json", f"{ledger}segment-2.json"} <= set(bucket.keys(ledger))
    # Due now instead of in half a minute, so that nobody has to wait for it here.
    soon = [(name, value) for name, value in copy.headers if name != names.RETRY_NOT_BEFORE]
    soon.append((names.RETRY_NOT_BEFORE, datetime.now(UTC).isoformat().encode()))
    await wire.publish_raw(copy.value, key=copy.key, headers=soon, topic=RETRY_TOPICS[-1][0])
    done = (await wire.completion(unique)).data
    assert await worker.stop() == 0
    assert (done.outcome, await asked(simulator, unique)) == ("succeeded", {1: 1, 2: 4, 3: 1})
    assert sums([done.usage]) == sums(one.usage for one in done.attempts) == sums(one.usage for one in done.segments)


async def test_what_is_made_of_the_segments_is_not_asked_again_either(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    reduction = {"match": {"contains": REDUCTION, "nth": 1}, "do": {"fault": "hold"}}
    reading = {"match": {"contains": "aloud, word for word", "nth": 1}, "do": {"fault": "hold"}}
    await simulator.play(reduction, reading)
    medium = bucket.upload(f"long/{unique}.wav", talk(300), content_type="audio/wav")
    await wire.publish(
        {
            "request_id": unique,
            "media": [{"kind": "audio", **medium}],
            "profile": "meeting_minutes",
            "instruction": unique,
            "speech": {"voice": "Tina"},
        }
    )
    for held in (REDUCTION, "aloud, word for word"):
        worker = start_worker()
        await simulator.until_called(held, status="held")
        worker.kill()
    last = start_worker()
    done = (await wire.completion(unique, seconds=60)).data
    assert await last.stop() == 0
    assert (done.outcome, [one.role for one in done.artifacts]) == ("succeeded", ["speech"])
    assert [one.code for one in done.warnings] == ["price_unknown"]
    assert await asked(simulator, unique) == {1: 1, 2: 1, 3: 1, 0: 2}
    assert [(one.kind, one.outcome) for one in done.attempts if one.kind != "segment"] == [
        ("reduce", "abandoned"),
        ("reduce", "succeeded"),
        ("speech", "abandoned"),
        ("speech", "succeeded"),
    ]
    assert {one.basis for one in done.attempts if one.outcome == "succeeded"} == {"reported"}
    assert sums([done.usage]) == sums(one.usage for one in done.attempts)


async def test_pieces_of_many_requests_never_take_more_scratch_than_there_is(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    total = 9_000_000  # a piece and a bit
    worker = start_worker(WORKER_SCRATCH_BYTES=str(total), S3_PUBLIC_ENDPOINT=None)
    await worker.wait_ready()
    sent = {f"{unique}-{number}": talk(300, rate=PIECE_RATE) for number in range(3)}
    sent |= {f"{unique}-short": talk(110, rate=PIECE_RATE)}
    for name, data in sent.items():
        medium = bucket.upload(f"long/{name}.wav", data, content_type="audio/wav")
        media = [{"kind": "audio", **medium}]
        await wire.publish({"request_id": name, "media": media, "profile": "subtitles", "instruction": name})
    peak = 0.0
    while not all(wire.completions(name) for name in sent):
        metrics = (await worker.get("/metrics")).text
        [used] = [line for line in metrics.splitlines() if line.startswith("media_analysis_scratch_used_bytes ")]
        peak = max(peak, float(used.split()[1]))
        await asyncio.sleep(0.02)
    assert await worker.stop() == 0
    assert {(await wire.completion(name)).data.outcome for name in sent} == {"succeeded"}
    assert 0 < peak <= total
    # Too many bytes for the body, and short enough for one call: encoded smaller, no segments.
    done = (await wire.completion(f"{unique}-short")).data
    assert (done.media[0].delivery, done.segments) == ("inline", ())
    assert [(one.kind, one.outcome) for one in done.attempts] == [("analysis", "succeeded")]
    starts = [cue["start_seconds"] for cue in done.result["cues"]]
    assert starts == pytest.approx(list(range(0, 110, 20)), abs=0.1)
