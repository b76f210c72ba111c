"""Starts a worker on the embedded stack: a request by hand goes in, a completion comes out, with nothing of ours at either end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import media_analysis
from tests.contracts.readme import run_block
from tests.system.harness import Bucket
from tests.system.harness_worker import WorkerProcess

pytestmark = pytest.mark.system
PHOTOGRAPH = Path(media_analysis.__file__).parent / "samples" / "rocket.jpg"
# That of README.md's `submit_by_hand`.
MEDIUM = {"bucket": "media", "key": "photos/harbour.jpg"}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def worker(stack, tmp_path):
    await stack.restart("broker")  # what other tests asked is none of this worker's business
    Bucket(stack).upload(MEDIUM["key"], PHOTOGRAPH.read_bytes())
    process = WorkerProcess(stack, tmp_path).start()
    yield await process.wait_ready()
    process.kill()


async def test_who_uses_nothing_of_ours_gets_an_answer(worker, stack, unique):
    bootstrap = stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
    await asyncio.to_thread(run_block("submit_by_hand").submit_by_hand, bootstrap, unique)
    read = await asyncio.to_thread(run_block("await_completion").await_completion, bootstrap, unique)
    data = read["data"]
    assert data["error"] is None
    assert (data["outcome"], read["key"]) == ("succeeded", unique.encode())
    assert data["request"]["source"] == "/shop/catalogue"
    assert data["request"]["event_id"] == unique
    assert data["trace_id"] == TRACE_ID
    assert isinstance(data["result"], dict)
    assert data["usage"]["total_tokens"] == data["usage"]["input_tokens"] + data["usage"]["output_tokens"] > 0
    assert data["media"][0]["bucket"] == MEDIUM["bucket"]
