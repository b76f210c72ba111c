"""`media-analysis submit` as a process on the real broker and store, answered by a stand-in for the worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analysis_worker.settings import S3Settings
from media_analysis.broker import Heard
from media_analysis.bucket import minio_client
from media_analysis.submission import submission
from media_analysis.submit import ending_of
from media_contracts import (
    AnalysisProgress,
    AnalysisRequested,
    Clip,
    CompletedEvent,
    KafkaRecord,
    RequestRef,
    decode_requested,
    encode_completed,
    encode_event,
    topics,
)
from tests.cli.stand_in import answering, run_command
from tests.cli.stories import NOON, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from analysis_devstack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def submit(stack: Stack, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    return await run_command("submit", *arguments, environment=stack.environment, stdin=stdin)


async def test_a_request_is_published_and_its_completion_is_printed_as_it_was_published(
    stack: Stack, unique: str
) -> None:
    async with answering(stack.environment) as seen:
        code, out, wrong = await submit(stack, "--instruction", "hello", "--request-id", unique, "--wait", "--json")
    assert (code, wrong) == (0, "")
    assert json.loads(out)["request_id"] == unique
    assert '{"price": 1.10}' in out
    assert decode_requested(seen[-1]).data.instruction == "hello"


async def test_a_person_reads_the_outcome_the_result_and_the_cost(stack: Stack, unique: str) -> None:
    async with answering(stack.environment):
        code, out, wrong = await submit(stack, "--instruction", "hello", "--request-id", unique, "--wait")
    assert code == 0
    assert out.startswith(f"succeeded: {unique}\n")
    assert "0.007116 CNY" in out
    assert f"published {unique} to media.analysis.requested.v1[" in wrong


async def test_a_failure_ends_with_one_and_its_code(stack: Stack, unique: str) -> None:
    async with answering(stack.environment):
        code, out, _ = await submit(stack, "--instruction", "fail", "--request-id", unique, "--wait")
    assert code == 1
    assert "answer_truncated in validate: cut at 10 tokens" in out


async def test_a_dead_letter_of_this_very_record_ends_the_wait(stack: Stack, unique: str) -> None:
    async with answering(stack.environment):
        code, out, _ = await submit(stack, "--instruction", "dead", "--request-id", unique, "--wait", "--json")
    assert code == 1
    assert json.loads(out)["dead_letter"]["reason"] == "request_conflict"


async def test_without_an_answer_in_time_the_exit_code_is_three_and_the_remedy_is_named(
    stack: Stack, unique: str
) -> None:
    code, out, wrong = await submit(
        stack, "--instruction", "silence", "--request-id", unique, "--wait", "--timeout", "0.2"
    )
    assert (code, out) == (3, "")
    assert "is a worker running" in wrong
    assert "Traceback" not in wrong


async def test_without_wait_the_receipt_says_where_the_record_is(stack: Stack, unique: str) -> None:
    code, out, _ = await submit(stack, "--instruction", "silence", "--request-id", unique, "--tenant", "acme", "--json")
    receipt = json.loads(out)
    assert code == 0
    assert receipt["request_id"] == unique
    assert receipt["tenant"] == "acme"
    assert len(receipt["completion_id"]) == 64
    assert len(receipt["trace_id"]) == 32


async def test_a_local_file_is_uploaded_where_the_tenant_may_read(stack: Stack, unique: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8" + unique.encode())
    async with answering(stack.environment) as seen:
        code, _, wrong = await submit(
            stack,
            "--upload",
            str(photo),
            "--tenant",
            "acme",
            "--label",
            "a=b",
            "--max-cost",
            "0.10CNY",
            "--deadline",
            "1h",
            "--wait",
        )
    assert code == 0, wrong
    request = decode_requested(seen[-1]).data
    assert (request.media[0].kind, request.media[0].bucket) == ("image", "media")
    assert request.media[0].key.startswith("acme/uploads/")
    assert request.labels == {"a": "b"}
    assert request.limits.max_cost.amount == "0.10"
    s3 = {name.removeprefix("S3_").lower(): text for name, text in stack.environment.items() if name.startswith("S3_")}
    found = minio_client(S3Settings(**s3)).get_object("media", request.media[0].key)
    try:
        assert found.read() == photo.read_bytes()
    finally:
        found.close()
        found.release_conn()


async def test_a_part_progress_and_what_a_failed_segment_means_are_in_the_request(stack: Stack, unique: str) -> None:
    named = ("--bucket", "media", "--key", "a.mp4", "--clip", "1:00-3:00")
    async with answering(stack.environment) as seen:
        code, _, wrong = await submit(
            stack, *named, "--request-id", unique, "--progress", "--on-segment-failure", "partial", "--wait"
        )
    assert code == 0, wrong
    request = decode_requested(seen[-1]).data
    assert request.media[0].clip == Clip(start_seconds=60.0, end_seconds=180.0)
    assert (request.progress, request.on_segment_failure) == (True, "partial")


async def test_what_is_known_while_the_answer_grows_is_told_until_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    request = AnalysisRequested(request_id="r", instruction="hello", progress=True)
    sent = submission(request, now=NOON, event_id="e", trace_id="a" * 32, span_id="b" * 16)

    async def heard() -> AsyncIterator[Heard]:
        for told in (progress("another"), progress("r"), progress("r", "/title", "/items/0")):
            yield Heard(record=told, partition=0, offset=0, timestamp_ms=0)
        done = encode_completed(
            succeeded("r"), result_json=None, event_id=sent.completion_id, source="/s", time=NOON, key=None
        )
        yield Heard(record=done, partition=0, offset=0, timestamp_ms=0)

    _, ending = await ending_of(sent, heard())
    assert isinstance(ending, CompletedEvent)
    assert capsys.readouterr().err.splitlines() == ["ask: nothing known yet", "ask: /title, /items/0"]


def progress(request_id: str, *pointers: str) -> KafkaRecord:
    data = AnalysisProgress(
        request_id=request_id,
        tenant="default",
        request=RequestRef(source="/s", accepted_at=NOON),
        attempt=1,
        sequence=1,
        stage="ask",
        fields=dict.fromkeys(pointers, "x"),
    )
    return encode_event(
        type=topics.PROGRESS, data=data, event_id="p", source="/s", time=NOON, topic=topics.PROGRESS, key=None
    )


async def test_a_document_is_read_from_stdin_and_options_lie_over_it(stack: Stack, unique: str) -> None:
    document = json.dumps({"instruction": "hello", "tenant": "acme", "labels": {"from": "file"}}).encode()
    async with answering(stack.environment) as seen:
        code, _, wrong = await submit(
            stack, "-", "--request-id", unique, "--label", "by=hand", "--wait", stdin=document
        )
    assert code == 0, wrong
    request = decode_requested(seen[-1]).data
    assert (request.tenant, request.labels) == ("acme", {"from": "file", "by": "hand"})


async def test_a_broker_that_is_down_is_one_line_and_no_traceback() -> None:
    environment = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    code, _, wrong = await run_command("submit", "--instruction", "x", environment=environment)
    assert code == 1
    assert "no broker answers at 127.0.0.1:1" in wrong
    assert len(wrong.splitlines()) == 1
