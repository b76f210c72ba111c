"""A spoken answer is a WAV that opens, as long as what was said, and the bill has each token where it belongs."""

from __future__ import annotations

import hashlib
import io
import math
import wave
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from PIL import Image

TURBO, PLUS = "qwen-omni-turbo", "qwen3.5-omni-plus"


def picture(bucket, unique):
    data = io.BytesIO()
    Image.new("RGB", (320, 200), "navy").save(data, "PNG")
    return {"kind": "image", **bucket.upload(f"speech/{unique}.png", data.getvalue(), content_type="image/png")}


def heard(bucket, done):
    """The spoken artifact's sound in seconds, after everything about the file has been checked."""
    [artifact] = done.artifacts
    data = bucket.read(artifact.key, bucket=artifact.bucket)
    assert (artifact.role, artifact.content_type) == ("speech", "audio/wav")
    assert (artifact.size_bytes, artifact.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert any(file.readframes(file.getnframes()))
        return file.getnframes() / 24_000


async def test_a_conversation_is_answered_in_text_and_speech_by_one_call(
    shared_worker, wire, simulator, bucket, unique
):
    await wire.publish(
        {
            "request_id": unique,
            "media": [picture(bucket, unique)],
            "profile": "converse",
            "instruction": f"What is it, {unique}?",
            "speech": {"voice": "Cherry"},
            "model": {"name": TURBO},
        }
    )
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error, done.warnings) == ("succeeded", None, ())
    text = done.result["text"]
    # The simulator speaks five characters a second, and turbo counts 25 tokens for each (S2).
    seconds = heard(bucket, done)
    assert seconds == pytest.approx(len(text) / 5)
    assert done.usage.output.audio == len(text) * 5
    [attempt] = done.attempts
    assert (attempt.kind, attempt.usage.output) == ("analysis", done.usage.output)
    # The text beside a spoken answer is free (S2, PRICE): 50 CNY a million tokens of sound, none for text.
    assert done.cost.by["output_audio"] == str(Decimal(done.usage.output.audio) * 50 / 1_000_000)
    assert done.usage.output.text > 0
    assert Decimal(done.cost.by.get("output_text", "0")) == 0
    [call] = await simulator.calls(lambda call: call["model"] == TURBO)
    assert call["parameters"]["modalities"] == ["text", "audio"]
    assert "response_format" not in call["parameters"]


async def test_a_structured_answer_is_read_aloud_word_for_word_by_a_second_call(
    shared_worker, wire, simulator, bucket, unique
):
    await wire.publish(
        {
            "request_id": unique,
            "media": [picture(bucket, unique)],
            "profile": "describe",
            "instruction": f"Look, {unique}.",
            "speech": {"voice": "Tina", "language": "en"},
            "model": {"name": PLUS},
        }
    )
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.warnings) == ("succeeded", ())
    text = done.result["description"]
    assert heard(bucket, done) == pytest.approx(len(text) / 5)
    analysis, speech = done.attempts
    assert [(one.kind, one.model, one.outcome) for one in done.attempts] == [
        ("analysis", PLUS, "succeeded"),
        ("speech", PLUS, "succeeded"),
    ]
    assert analysis.usage.output.audio == 0
    assert analysis.usage.output.text > 0
    assert speech.usage.output.audio == math.ceil(Decimal(len(text)) / 5 * Decimal("12.5"))
    # 40 CNY for a million tokens of the analysis' text, 213 for the sound; the text that was read is free.
    by = done.cost.by
    assert Decimal(by["output_text"]) == Decimal(analysis.usage.output.text) * 40 / 1_000_000
    assert Decimal(by["output_audio"]) == Decimal(speech.usage.output.audio) * 213 / 1_000_000
    [call] = await simulator.calls(
        lambda call: call["model"] == PLUS and "audio" in call["parameters"].get("modalities", [])
    )
    assert call["parts"] == []
    assert not {"response_format", "enable_thinking", "reasoning_effort"} & call["parameters"].keys()


async def test_a_speech_that_fails_leaves_the_analysis_whole_with_a_warning(
    shared_worker, wire, simulator, bucket, unique
):
    await simulator.play({"match": {"contains": "aloud, word for word"}, "do": {"fault": "server_error"}})
    await wire.publish(
        {
            "request_id": unique,
            "media": [picture(bucket, unique)],
            "profile": "describe",
            "instruction": f"Look, {unique}.",
            "speech": {"voice": "Tina"},
            "model": {"name": PLUS},
        }
    )
    done = (await wire.completion(unique, seconds=60)).data
    assert (done.outcome, done.artifacts) == ("succeeded", ())
    assert done.result["description"]
    [warning] = done.warnings
    assert (warning.code, warning.path) == ("speech_failed", "/speech")
    assert "provider_unavailable" in warning.message
    assert {one.kind for one in done.attempts[1:]} == {"speech"}


def spoken_request(unique, media, **fields):
    return {
        "request_id": unique,
        "media": [media],
        "profile": "describe",
        "instruction": f"Look, {unique}.",
        "speech": {"voice": "Tina"},
        "model": {"name": PLUS},
        **fields,
    }


ALOUD = {"contains": "aloud, word for word"}


async def test_a_reading_that_is_cut_is_made_again_from_its_beginning(shared_worker, wire, simulator, bucket, unique):
    await simulator.play({"match": ALOUD | {"nth": 1}, "do": {"fault": "cut", "after_chunks": 12}})
    await wire.publish(spoken_request(unique, picture(bucket, unique)))
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.warnings) == ("succeeded", ())
    assert heard(bucket, done) == pytest.approx(len(done.result["description"]) / 5)
    _, cut, speech = done.attempts
    assert [(one.kind, one.basis) for one in done.attempts] == [
        ("analysis", "reported"),
        ("speech", "estimated"),
        ("speech", "reported"),
    ]
    # What was heard of the cut one is counted, its sound among it (law 6).
    assert 0 < cut.usage.output_tokens < speech.usage.output_tokens


@pytest.mark.parametrize(
    ("do", "fields", "code"),
    [
        ({"text": "Quite another text."}, {}, "speech_differs"),
        ({"fault": "length"}, {}, "speech_failed"),
        ({}, {"limits": {"max_cost": {"amount": "0.1", "currency": "CNY"}}}, "speech_failed"),
    ],
    ids=["other words", "cut short", "too dear"],
)
async def test_what_is_wrong_with_the_speech_is_a_warning(
    shared_worker, wire, simulator, bucket, unique, do, fields, code
):
    await simulator.play({"match": ALOUD, "do": do})
    await wire.publish(spoken_request(unique, picture(bucket, unique), **fields))
    done = (await wire.completion(unique)).data
    assert (done.outcome, [warning.code for warning in done.warnings]) == ("succeeded", [code])
    assert len(done.artifacts) == (code == "speech_differs")
    assert len(done.attempts) == (1 if fields else 2)


async def test_a_deadline_that_passes_while_it_is_read_aloud_leaves_the_analysis_whole(
    shared_worker, wire, simulator, bucket, unique
):
    await simulator.play({"match": ALOUD, "do": {"fault": "hold"}})
    deadline = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    await wire.publish(spoken_request(unique, picture(bucket, unique), limits={"deadline": deadline}))
    done = (await wire.completion(unique)).data
    assert (done.outcome, [warning.code for warning in done.warnings]) == ("succeeded", ["speech_failed"])
    assert "deadline" in done.warnings[0].message


async def test_a_profile_that_names_no_text_to_speak_is_rejected(shared_worker, wire, simulator, bucket, unique):
    await wire.publish(
        {
            "request_id": unique,
            "media": [picture(bucket, unique)],
            "profile": "visible_text",
            "instruction": f"Read, {unique}.",
            "speech": {"voice": "Tina"},
            "model": {"name": PLUS},
        }
    )
    done = await wire.completion(unique)
    assert (done.data.outcome, done.error_code) == ("rejected", "profile_not_spoken")
    assert await simulator.calls_with(unique) == []
