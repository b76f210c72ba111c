"""A worker that dies while an answer is read aloud: the next one reads on and does not pay for the analysis again."""

from __future__ import annotations

import io
import wave

from PIL import Image

STALE_SECONDS = "2"


async def test_a_worker_killed_while_it_speaks_costs_one_more_reading_at_most(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    data = io.BytesIO()
    Image.new("RGB", (320, 200), "navy").save(data, "PNG")
    await simulator.play({"match": {"contains": "aloud, word for word", "nth": 1}, "do": {"fault": "hold"}})
    first = start_worker(WORKER_CLAIM_STALE_SECONDS=STALE_SECONDS)
    await wire.publish(
        {
            "request_id": unique,
            "media": [{"kind": "image", **bucket.upload(f"speech/{unique}.png", data.getvalue())}],
            "profile": "describe",
            "instruction": f"Look, {unique}.",
            "speech": {"voice": "Tina"},
            "model": {"name": "qwen3.5-omni-plus"},
        }
    )
    await simulator.until_called("aloud, word for word", status="held")
    first.kill()
    second = start_worker(WORKER_CLAIM_STALE_SECONDS=STALE_SECONDS)
    completion = await wire.completion(unique)
    done = completion.data
    assert await second.stop() == 0
    assert (done.outcome, done.warnings) == ("succeeded", ())
    assert len(await simulator.calls_with(unique)) == 1
    # The reading that was cut off is counted with its estimate (law 6), the analysis with what was reported.
    assert [(one.kind, one.outcome, one.basis) for one in done.attempts] == [
        ("analysis", "succeeded", "reported"),
        ("speech", "abandoned", "estimated"),
        ("speech", "succeeded", "reported"),
    ]
    [artifact] = done.artifacts
    with wave.open(io.BytesIO(bucket.read(artifact.key))) as file:
        assert file.getnframes() == len(done.result["description"]) * 24_000 // 5
    folder = f"ledger/default/{completion.event.event_id}/"
    assert bucket.keys(folder) == [f"{folder}{name}.json" for name in ("analysis", "answer", "claim-1", "claim-2")]
