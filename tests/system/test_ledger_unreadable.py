"""What lies in the ledger and cannot be read holds up its own request, costs nothing, and stops no worker."""

from __future__ import annotations

import pytest

from analysis_worker.window import PARKED_PER_SLOT
from media_contracts import Identity
from tests.processes import until


def prefix(request_id):
    completion_id = Identity(tenant="default", source="/tests", request_id=request_id, rerun=0).completion_id()
    return f"ledger/default/{completion_id}/"


def gauge(metrics, name):
    return float(next(line.split()[1] for line in metrics.splitlines() if line.startswith(f"{name} ")))


@pytest.fixture
def torn(bucket, unique):
    """More requests than may be parked whose ledger is broken, in one of three ways; the ids of the requests."""
    kinds = {"later": b'{"format": 2}', "rubbish": b"\x00\xff", "wrong": b'{"format": 1, "fingerprint": 5}'}
    bodies = kinds | {f"rubbish-{number}": kinds["rubbish"] for number in range(2 * PARKED_PER_SLOT)}
    for name, body in bodies.items():
        bucket.upload(f"{prefix(f'{unique}-{name}')}claim-1.json", body, bucket=bucket.results)
    bucket.upload(f"{prefix(f'{unique}-wrong')}answer.json", b"[]", bucket=bucket.results)
    return [f"{unique}-{name}" for name in bodies]


async def test_requests_that_cannot_be_looked_up_wait_and_all_others_go_on(
    empty_stack, wire, simulator, start_worker, torn, unique
):
    worker = await start_worker(WORKER_MAX_IN_FLIGHT="1").wait_ready()
    for request_id in torn:
        await wire.publish({"request_id": request_id, "instruction": f"Say {request_id}."})

    def said():
        return [line["error"] for line in worker.log_lines() if line.get("event") == "ledger_unreadable"]

    await until(lambda: len(said()) >= len(torn))
    for request_id in torn:
        assert any(prefix(request_id) in message for message in said())
    for number in range(3):
        await wire.publish({"request_id": f"{unique}-{number}", "instruction": f"Say {unique}-{number}."})
    for number in range(3):
        assert (await wire.completion(f"{unique}-{number}")).data.outcome == "succeeded"
    assert len(await simulator.calls_with(unique)) == 3
    assert gauge((await worker.get("/metrics")).text, "media_analysis_set_aside") == len(torn)
    assert gauge((await worker.get("/metrics")).text, "media_analysis_parked") == 0
    assert (await worker.get("/readyz")).status_code == 200
    assert (await worker.get("/livez")).status_code == 200
    assert await worker.stop() == 0, "the drain of 60 s does not wait for them"
