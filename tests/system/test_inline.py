"""Without a public endpoint the media travel inside the request, and what is too large for that is said."""

from __future__ import annotations

import io
import json

from PIL import Image

from tests.system.harness import Bucket
from tests.system.harness_tap import Passed, open_tap


async def test_a_picture_goes_inline_when_the_model_cannot_reach_the_store(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    data = io.BytesIO()
    Image.effect_noise((900, 700), 90).convert("RGB").save(data, "JPEG", quality=95)
    media = [{"kind": "image", **bucket.upload(f"inline/{unique}.jpg", data.getvalue())}]
    async with open_tap(empty_stack.environment["S3_ENDPOINT"]) as tap:
        worker = start_worker(S3_PUBLIC_ENDPOINT="", S3_ENDPOINT=tap.url, WORKER_CLAIM_STALE_SECONDS="600")
        await wire.publish({"request_id": unique, "media": media, "instruction": f"Say {unique}."})
        completion = await wire.completion(unique)
        done = completion.data
        assert await worker.stop() == 0
    # The whole ledger traffic of an undisturbed request: the claim and the answer, written on condition, nothing read.
    folder = f"/results/ledger/default/{completion.event.event_id}"
    assert sorted(tap.requests("/ledger/default/"), key=lambda one: one.path) == [
        Passed(method="PUT", path=f"{folder}/{name}.json", if_none_match=True) for name in ("answer", "claim-1")
    ]
    assert (done.outcome, done.media[0].delivery) == ("succeeded", "inline")
    [call] = await simulator.calls_with(unique)
    part = next(part for part in call["parts"] if "image" in json.dumps(part))
    # It decoded exactly the bytes that lie in the store.
    assert str(len(data.getvalue())) in json.dumps(part)
    assert "900" in json.dumps(part)


async def test_a_picture_too_large_to_go_inline_is_encoded_smaller(
    empty_stack, wire, simulator, start_worker, bucket, unique
):
    worker = start_worker(S3_PUBLIC_ENDPOINT="")
    data = io.BytesIO()
    Image.new("RGB", (640, 480)).save(data, "JPEG")
    media = [{"kind": "image", **bucket.upload(f"inline/{unique}.jpg", data.getvalue() + bytes(8_000_000))}]
    await wire.publish({"request_id": unique, "media": media, "instruction": unique})
    done = (await wire.completion(unique)).data
    assert await worker.stop() == 0
    assert (done.outcome, done.media[0].delivery, done.media[0].size_bytes > 8_000_000) == ("succeeded", "inline", True)
    assert (done.media[0].width, done.usage.input.image) == (640, 302)
    [call] = await simulator.calls_with(unique)
    part = next(part for part in call["parts"] if "image" in json.dumps(part))
    assert part["bytes"] < 100_000, part


async def test_a_result_too_large_for_its_topic_travels_by_reference(
    empty_stack, wire, simulator, start_worker, stack, unique
):
    start_worker(KAFKA_MAX_MESSAGE_BYTES="65536")
    text = json.dumps({"words": "word " * 20_000})
    await simulator.play({"match": {"contains": unique}, "do": {"text": text}}, chunk_characters=65_536)
    request = {"request_id": unique, "instruction": f"Say {unique}.", "output_schema": {"type": "object"}}
    await wire.publish(request | {"model": {"max_output_tokens": 65_536}})
    completion = await wire.completion(unique)
    reference = completion.data.result_ref
    assert (completion.data.outcome, completion.data.result) == ("succeeded", None)
    assert len(completion.heard.value) < 65_536
    stored = Bucket(stack).read(reference.key, bucket=reference.bucket)
    assert (stored.decode(), len(stored)) == (text, reference.size_bytes)
    assert reference.key.startswith("default/")
