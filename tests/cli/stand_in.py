"""A stand-in for the worker: answers each request it is given on the real broker, so that the client commands can be tested alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from analysis_worker.settings import KafkaSettings
from media_analysis.broker import listening, publishing
from media_contracts import ContractError, Identity, KafkaRecord, decode_requested, encode_completed, topics
from tests.cli.stories import NOON, ended, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


def kafka(environment: Mapping[str, str]) -> KafkaSettings:
    given = {
        name.removeprefix("KAFKA_").lower(): text for name, text in environment.items() if name.startswith("KAFKA_")
    }
    return KafkaSettings(**given)


@contextlib.asynccontextmanager
async def answering(environment: Mapping[str, str]) -> AsyncIterator[list[KafkaRecord]]:
    """Answer every request: instruction `fail` fails, `dead` goes to the dead-letter topic, `silence` gets nothing."""
    settings = kafka(environment)
    seen: list[KafkaRecord] = []
    async with publishing(settings) as send, listening(settings, (topics.REQUESTED,), from_beginning=False) as heard:

        async def answer() -> None:
            async for one in heard:
                seen.append(one.record)
                for record in _answers(one.record):
                    await send(record)

        task = asyncio.create_task(answer())
        try:
            yield seen
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _answers(record: KafkaRecord) -> list[KafkaRecord]:
    try:
        event = decode_requested(record)
    except ContractError:
        # Tansu's "latest" may lie before the last batch, which another module may have filled with rubbish.
        return []
    request = event.data
    if request.instruction == "silence":
        return []
    if request.instruction == "dead":
        extra = (("dead-letter-reason", b"request_conflict"), ("dead-letter-message", b"used for another request"))
        return [
            KafkaRecord(topic=topics.DEAD_LETTER, key=record.key, value=record.value, headers=(*record.headers, *extra))
        ]
    done = (
        ended("failed", "answer_truncated", "cut at 10 tokens", request.request_id, "validate")
        if request.instruction == "fail"
        else succeeded(request.request_id, result={"price": 1.1})
    )
    identity = Identity(tenant=request.tenant, source=event.source, request_id=request.request_id, rerun=request.rerun)
    return [
        encode_completed(
            done,
            result_json=b'{"price": 1.10}' if done.outcome == "succeeded" else None,
            event_id=identity.completion_id(),
            source="/media-analysis",
            time=NOON,
            key=record.key,
        )
    ]


async def run_command(*arguments: str, environment: Mapping[str, str], stdin: bytes = b"") -> tuple[int, str, str]:
    """Run `media-analysis` as a process of its own; returns exit code, stdout and stderr."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("KAFKA_", "S3_", "MODEL_", "OTEL_", "DASHSCOPE_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "media_analysis",
        *arguments,
        env=kept | dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, wrong = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), wrong.decode()


def settings_of(stack: Any) -> dict[str, str]:
    return dict(stack.environment)
