"""What a request asks for comes back: by URL and inline, in every mode of the wire, priced to the last digit."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from PIL import Image

from media_contracts import Identity
from media_contracts.topics import COMPLETED, REQUESTED


def photograph(colour=(200, 80, 40), size=(640, 480)):
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "JPEG")
    return data.getvalue()


@pytest.fixture
def picture(bucket, unique):
    return {"kind": "image", **bucket.upload(f"happy/{unique}.jpg", photograph())}


def identity(unique, source="/tests"):
    return Identity(tenant="default", source=source, request_id=unique, rerun=0).completion_id()


async def test_a_picture_by_url_is_answered_priced_and_recorded(
    shared_worker, wire, simulator, bucket, picture, unique
):
    labels = {"shop": "42"}
    request = {"request_id": unique, "media": [picture], "profile": "describe", "instruction": unique, "labels": labels}
    event_id = f"event-{unique}"
    await wire.publish(request, event_id=event_id)
    completion = await wire.completion(unique)
    data = completion.data
    assert (data.outcome, data.labels, data.media[0].delivery) == ("succeeded", labels, "presigned")
    assert (data.media[0].width, data.media[0].height, data.finish_reason) == (640, 480, "stop")
    [call] = await simulator.calls_with(unique)
    assert (data.usage.input_tokens, data.usage.output_tokens) == (
        call["usage"]["prompt_tokens"],
        call["usage"]["completion_tokens"],
    )
    told = call["usage"]["prompt_tokens_details"]
    assert (data.usage.input.image, data.usage.input.text) == (told["image_tokens"], told["text_tokens"])
    assert (data.usage.total_tokens, data.usage.input.image) == (call["usage"]["total_tokens"], 302)
    assert (data.usage.calls, data.usage.estimated.calls, data.attempts[0].basis) == (1, 0, "reported")
    # qwen3.5-omni-plus, Beijing: 7 CNY a million in, 40 out (provider.md, section 1e).
    expected = (Decimal(7) * data.usage.input_tokens + Decimal(40) * data.usage.output_tokens) / Decimal(10**6)
    assert Decimal(data.cost.amount) == expected
    assert completion.event.event_id == identity(unique)
    assert (completion.heard.key, completion.event.source) == (unique.encode(), "/media-analysis")
    headers = dict(completion.heard.headers)
    assert len(headers) == len(completion.heard.headers)
    assert {name: value.decode() for name, value in headers.items() if name not in {"ce_time", "traceparent"}} == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": identity(unique),
        "ce_source": "/media-analysis",
        "ce_type": COMPLETED,
        "ce_subject": unique,
        "ce_causationid": event_id,
    }
    assert headers["ce_time"].decode() == json.loads(completion.heard.value)["completed_at"]
    prefix = f"ledger/default/{identity(unique)}/"
    assert bucket.keys(prefix) == [f"{prefix}answer.json", f"{prefix}claim-1.json"]


async def test_the_undisturbed_path_writes_the_claim_once_and_the_answer_once(
    shared_worker, wire, bucket, picture, unique
):
    await wire.publish({"request_id": unique, "media": [picture]})
    await wire.completion(unique)
    claim = bucket.read_json(f"ledger/default/{identity(unique)}/claim-1.json")
    # Still as it was created: the first call open under the claim's own estimate, nothing closed, not released.
    assert (claim["start"], claim["closed"], claim["released"]) == (1, [], False)
    [opened] = claim["open"]
    assert (opened["number"], opened["model"]) == (1, "qwen3.5-omni-plus")
    assert opened["input_tokens"] > 0


async def test_several_pictures_and_words_alone(shared_worker, wire, bucket, unique):
    media = [
        {"kind": "image", **bucket.upload(f"happy/{unique}-{n}.jpg", photograph((n, n, 255)))} for n in (10, 90, 200)
    ]
    await wire.publish({"request_id": f"{unique}-three", "media": media, "instruction": "Compare them."})
    await wire.publish({"request_id": f"{unique}-words", "instruction": "Say hello."})
    three = (await wire.completion(f"{unique}-three")).data
    words = (await wire.completion(f"{unique}-words")).data
    assert (three.outcome, len(three.media), three.usage.input.image) == ("succeeded", 3, 3 * 302)
    assert (words.outcome, words.media, words.usage.input.image) == ("succeeded", (), 0)


async def test_the_answer_fits_the_requests_own_schema(shared_worker, wire, picture, unique):
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    await wire.publish({"request_id": unique, "media": [picture], "instruction": "Which?", "output_schema": schema})
    result = (await wire.completion(unique)).data.result
    assert set(result) == {"colour", "count"}
    assert result["count"] >= 1


async def test_the_answers_text_is_published_unchanged(shared_worker, wire, simulator, unique):
    text = '{ "price": 1.10,\n  "name": "caf\\u00e9 \u00fc",  "big": 1e2 }'
    await simulator.play({"match": {"contains": unique}, "do": {"text": text}})
    schema = {"type": "object"}
    await wire.publish({"request_id": unique, "instruction": f"Say {unique}.", "output_schema": schema})
    completion = await wire.completion(unique)
    assert text.encode() in completion.heard.value
    assert json.loads(completion.heard.value)["result"] == json.loads(text)


async def test_plain_json_and_structured_events_are_requests_too(shared_worker, wire, unique):
    data = {"request_id": f"{unique}-plain", "instruction": "Say it."}
    await wire.publish_raw(json.dumps(data).encode())
    plain = await wire.completion(f"{unique}-plain")
    assert plain.event.event_id == identity(f"{unique}-plain", source=f"urn:kafka:{REQUESTED}")
    assert plain.data.request.event_id is None
    event = {
        "specversion": "1.0",
        "type": REQUESTED,
        "source": "/elsewhere",
        "id": "e-1",
        "datacontenttype": "application/json",
        "data": data | {"request_id": f"{unique}-structured"},
    }
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    await wire.publish_raw(json.dumps(event).encode(), headers=headers)
    structured = await wire.completion(f"{unique}-structured")
    assert structured.event.event_id == identity(f"{unique}-structured", source="/elsewhere")
    assert (structured.data.request.event_id, structured.heard.header("ce_causationid")) == ("e-1", "e-1")


async def test_a_film_and_a_recording_are_answered_too(shared_worker, wire, bucket, unique):
    from media_analysis.demo.play import SAMPLES  # noqa: PLC0415 - the samples' folder

    film = bucket.upload(f"happy/{unique}.mp4", (SAMPLES / "bigbuckbunny.mp4").read_bytes())
    talk = bucket.upload(f"happy/{unique}.wav", (SAMPLES / "sense_and_sensibility.wav").read_bytes())
    await wire.publish({"request_id": f"{unique}-film", "media": [{"kind": "video", **film}]})
    await wire.publish({"request_id": f"{unique}-talk", "media": [{"kind": "audio", **talk}]})
    film_done, talk_done = (
        (await wire.completion(f"{unique}-film")).data,
        (await wire.completion(f"{unique}-talk")).data,
    )
    assert (film_done.outcome, talk_done.outcome) == ("succeeded", "succeeded")
    assert film_done.usage.input.video > 0
    assert film_done.estimate.input_tokens >= film_done.usage.input.video + film_done.usage.input.audio
    assert talk_done.usage.input.audio > 0


async def test_metrics_count_what_was_completed(shared_worker, wire, unique):
    await wire.publish({"request_id": unique, "instruction": "Say it."})
    await wire.completion(unique)
    text = (await shared_worker.get("/metrics")).text
    assert 'media_analysis_completions_total{code="",outcome="succeeded"}' in text
    assert "media_analysis_open_records" in text
    assert (await shared_worker.get("/livez")).json() == {"ok": True, "faults": []}
