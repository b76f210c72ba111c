"""`media-analysis watch` as a process: completions, progress and dead letters, one line each, for people and machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from media_analysis.arrivals import DeadRecord, Foreign, as_json, read_arrival
from media_analysis.broker import Heard, publishing
from media_analysis.watch import line_of
from media_contracts import AnalysisProgress, KafkaRecord, RequestRef, encode_event, topics
from tests.cli.stand_in import kafka, run_command
from tests.cli.stories import NOON, ended, succeeded

if TYPE_CHECKING:
    from analysis_devstack.stack import Stack


def completed(unique: str) -> KafkaRecord:
    return encode_event(
        type=topics.COMPLETED,
        data=succeeded(unique),
        event_id="c-" + unique,
        source="/w",
        time=NOON,
        topic=topics.COMPLETED,
        key=None,
    )


def progress(unique: str) -> KafkaRecord:
    told = AnalysisProgress(
        request_id=unique,
        tenant="default",
        request=RequestRef(source="/s", accepted_at=NOON),
        attempt=1,
        sequence=1,
        stage="ask",
        fields={"/description": "A cup"},
    )
    return encode_event(
        type=topics.PROGRESS, data=told, event_id="p-" + unique, source="/w", time=NOON, topic=topics.PROGRESS, key=None
    )


def dead(unique: str) -> KafkaRecord:
    headers = (
        ("ce_id", b"e-1"),
        ("dead-letter-reason", b"not_json"),
        ("dead-letter-message", unique.encode()),
        ("dead-letter-topic", b"t"),
        ("dead-letter-partition", b"2"),
        ("dead-letter-offset", b"7"),
    )
    return KafkaRecord(topic=topics.DEAD_LETTER, key=b"\xff", value=b"\xff{", headers=headers)


@pytest.mark.asyncio(loop_scope="session")
async def test_every_kind_of_event_is_a_line_of_json(stack: Stack, unique: str) -> None:
    async with publishing(kafka(stack.environment)) as send:
        for record in (
            completed(unique),
            progress(unique),
            dead(unique),
            KafkaRecord(topic=topics.COMPLETED, key=None, value=unique.encode()),
        ):
            await send(record)
    code, out, _ = await run_command(
        "watch", "--json", "--from-beginning", "--count", "4", environment=stack.environment
    )
    assert code == 0
    assert len(out.splitlines()) == 4
    assert all(json.loads(line)["kafka"]["offset"] >= 0 for line in out.splitlines())


@pytest.mark.asyncio(loop_scope="session")
async def test_a_person_reads_one_line_an_event(stack: Stack, unique: str) -> None:
    async with publishing(kafka(stack.environment)) as send:
        await send(completed(unique))
    code, out, _ = await run_command("watch", "--from-beginning", "--count", "1", environment=stack.environment)
    assert code == 0
    assert len(out.splitlines()) == 1


def test_an_event_keeps_its_attributes_around_its_data() -> None:
    heard = Heard(record=completed("r"), partition=1, offset=2, timestamp_ms=0)
    told = as_json(heard, read_arrival(heard.record))
    assert (told["type"], told["id"], told["source"]) == (topics.COMPLETED, "c-r", "/w")
    assert told["data"]["usage"]["input"]["image"] == 258
    assert told["kafka"] == {"topic": topics.COMPLETED, "partition": 1, "offset": 2}


def test_a_dead_letter_tells_its_reason_and_keeps_its_bytes() -> None:
    heard = Heard(record=dead("why"), partition=0, offset=0, timestamp_ms=0)
    arrival = read_arrival(heard.record)
    assert isinstance(arrival, DeadRecord)
    assert (arrival.reason, arrival.origin, arrival.event_id) == ("not_json", "t[2]@7", "e-1")
    assert as_json(heard, arrival)["data"]["value_base64"] == "/3s="


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"[]"])
def test_a_foreign_record_is_told_and_never_raises(value: bytes | None) -> None:
    heard = Heard(
        record=KafkaRecord(topic=topics.COMPLETED, key=None, value=value), partition=0, offset=0, timestamp_ms=0
    )
    arrival = read_arrival(heard.record)
    assert isinstance(arrival, Foreign)
    assert json.dumps(as_json(heard, arrival))


@pytest.mark.parametrize("timestamp_ms", [-1, 0, -(2**63), 2**63 - 1, 253_402_300_800_000])
def test_a_timestamp_that_is_no_instant_is_shown_as_dashes(timestamp_ms: int) -> None:
    heard = Heard(record=completed("r"), partition=1, offset=2, timestamp_ms=timestamp_ms)
    assert line_of(heard, read_arrival(heard.record)).plain.startswith("--:--:--.---  ")


def test_the_time_of_day_is_that_of_the_record_in_utc() -> None:
    heard = Heard(record=completed("r"), partition=1, offset=2, timestamp_ms=1_780_000_000_123)
    assert line_of(heard, read_arrival(heard.record)).plain.startswith("20:26:40.123  ")


def test_a_failure_is_read_as_a_completion() -> None:
    record = encode_event(
        type=topics.COMPLETED,
        data=ended("failed", "x", "y"),
        event_id="e",
        source="/w",
        time=NOON,
        topic=topics.COMPLETED,
        key=None,
    )
    assert read_arrival(record).data.error.code == "x"
