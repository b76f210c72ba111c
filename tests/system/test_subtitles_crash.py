"""A worker that dies while it stores subtitles: one completion, and its two files are what it says."""

from __future__ import annotations

from media_contracts import find_artifact, read_reference
from tests.processes import until
from tests.simulator.samples import recording
from tests.system.harness_gate import open_gate

STALE_SECONDS = "2"


async def test_a_worker_killed_while_it_stores_subtitles_leaves_no_doubt_which_hold(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    heard = bucket.upload(f"subtitles/{unique}.wav", recording(6), content_type="audio/wav")
    async with open_gate(empty_stack.environment["S3_ENDPOINT"]) as gate:
        gate.hold_from(".vtt")
        first = start_worker(S3_ENDPOINT=gate.url, WORKER_CLAIM_STALE_SECONDS=STALE_SECONDS)
        await wire.publish(
            {
                "request_id": unique,
                "media": [{"kind": "audio", **heard}],
                "profile": "subtitles",
                "instruction": f"Listen, {unique}.",
            }
        )
        await until(lambda: gate.held, what="a reply to the PUT of the second file")
        first.kill()
    second = start_worker(WORKER_CLAIM_STALE_SECONDS=STALE_SECONDS)
    completion = await wire.completion(unique, seconds=60)
    done = completion.data
    assert await second.stop() == 0
    assert (done.outcome, done.warnings, len(wire.completions(unique))) == ("succeeded", (), 1)
    found = [find_artifact(done, role) for role in ("srt", "webvtt")]
    for artifact in found:
        assert read_reference(artifact, lambda place, key: bucket.read(key, bucket=place))
    # What was paid for and lost is counted (law 6); the same answer is the same object, written over itself.
    assert len(await simulator.calls_with(unique)) == done.usage.calls == 2
    folder = f"default/{completion.event.event_id}/"
    assert bucket.keys(folder) == sorted(artifact.key for artifact in found)
