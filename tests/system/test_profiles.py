"""Every structured profile goes all the way, with a model that has JSON mode and with one that is only told, alike."""

from __future__ import annotations

import io
import json
from functools import cache

import pytest
from PIL import Image

from analysis_worker.profiles import load_profiles
from tests.simulator.samples import clip, recording

JSON_MODE, BY_PROMPT = "qwen3.5-omni-plus", "qwen3-omni-flash"
STRUCTURED = [name for name in load_profiles().names if not load_profiles().get(name).free_text]


@cache
def sample(kind):
    if kind == "image":
        data = io.BytesIO()
        Image.new("RGB", (320, 200), "navy").save(data, "PNG")
        return "png", data.getvalue()
    return ("wav", recording(4)) if kind == "audio" else ("mp4", clip(4, 320, 240))


def medium(bucket, profile):
    """The richest medium that the profile is made for."""
    kind = next(kind for kind in ("video", "audio", "image") if kind in load_profiles().get(profile).kinds)
    suffix, data = sample(kind)
    return {"kind": kind, **bucket.upload(f"profiles/{kind}.{suffix}", data)}


def asked(bucket, unique, profile, model):
    return {
        "request_id": unique,
        "media": [medium(bucket, profile)],
        "profile": profile,
        "instruction": f"Look and listen, {unique}.",
        "model": {"name": model},
    }


def test_every_structured_profile_of_the_seeds_is_among_them():
    wanted = "storyline audio_storyline subtitles transcribe emotion dialects lyrics product_video moderation"
    assert {*wanted.split(), "visible_text", "describe", "meeting_minutes"} <= set(STRUCTURED)


async def ended(wire, bucket, simulator, marker, profile):
    """How the same request ends with a model of each sort, and the calls that were made for it."""
    requests = {model: asked(bucket, f"{marker}-{model}", profile, model) for model in (JSON_MODE, BY_PROMPT)}
    for request in requests.values():
        await wire.publish(request)
    for model in requests:
        completion = await wire.completion(f"{marker}-{model}")
        yield model, completion.data, await simulator.calls_with(f"{marker}-{model}")


@pytest.mark.parametrize("profile", STRUCTURED)
async def test_a_profile_is_answered_with_json_mode_and_by_prompt_and_validated_alike(
    shared_worker, wire, simulator, bucket, unique, profile
):
    shipped = load_profiles().get(profile)
    async for model, done, calls in ended(wire, bucket, simulator, f"{unique}-good", profile):
        assert (done.outcome, done.error, done.warnings) == ("succeeded", None, ())
        assert (done.profile.name, done.profile.schema_sha256) == (profile, shipped.schema_sha256)
        assert shipped.schema.faults(done.result) == ()
        assert [("response_format" in call["parameters"]) for call in calls] == [model == JSON_MODE]

    missing = shipped.schema.document["required"][0]
    await simulator.play({"match": {"contains": f"{unique}-bad"}, "do": {"text": '{"unheard": "of"}'}})
    async for _, done, _ in ended(wire, bucket, simulator, f"{unique}-bad", profile):
        assert (done.outcome, done.error.code) == ("failed", "answer_wrong_shape")
        assert missing in done.error.message
        assert [attempt.reason for attempt in done.attempts] == [None, "faults"]


CUES = '{"language": "en", "cues": [%s, %s]}'
EARLY = '{"start_seconds": 0.5, "end_seconds": 1.25, "text": "It was"}'
LATE = '{"start_seconds": 1.5, "end_seconds": 3.10, "text": "a dark night."}'
AFTER = '{"start_seconds": 90, "end_seconds": 95, "text": "The end."}'


@pytest.mark.parametrize(
    ("answer", "taken", "fault"),
    [
        (CUES % (EARLY, LATE), CUES % (EARLY, LATE), None),
        (f"Sure:\n```json\n{CUES % (EARLY, LATE)}\n```\nAnything else?", CUES % (EARLY, LATE), None),
        (CUES % (LATE, EARLY), None, "/cues/1/start_seconds"),
        (CUES % (EARLY, AFTER), None, "/cues/1/start_seconds"),
    ],
    ids=["bare", "in a fence", "out of order", "after the end"],
)
async def test_an_answer_is_taken_or_refused_alike(
    shared_worker, wire, simulator, bucket, unique, answer, taken, fault
):
    await simulator.play({"match": {"contains": unique}, "do": {"text": answer}})
    async for _, done, _ in ended(wire, bucket, simulator, unique, "subtitles"):
        if fault is None:
            assert (done.outcome, done.result) == ("succeeded", json.loads(taken))
            continue
        assert (done.outcome, done.error.code) == ("failed", "answer_wrong_shape")
        assert fault in done.error.message
