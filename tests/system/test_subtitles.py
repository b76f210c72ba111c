"""Subtitles end as two files beside the result that a player opens, cue by cue; what cannot be one is a warning."""

from __future__ import annotations

import io
import wave

import av
import pytest

from media_contracts import find_artifact, read_reference
from tests.simulator.samples import recording

FORMS = {"srt": ("application/x-subrip", ".srt"), "webvtt": ("text/vtt", ".vtt")}


def beats(seconds, *, every=20):
    """A recording that sounds for a second every so many seconds."""
    with wave.open(io.BytesIO(recording(1))) as file:
        head, tone = file.getparams(), file.readframes(file.getnframes())
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams(head)
        file.writeframes(b"".join(bytes(len(tone)) if second % every else tone for second in range(seconds)))
    return data.getvalue()


def heard(bucket, unique, seconds=6):
    kept = bucket.upload(f"subtitles/{unique}.wav", recording(seconds), content_type="audio/wav")
    return {"kind": "audio", **kept}


def asked(bucket, unique, **fields):
    return {
        "request_id": unique,
        "media": [heard(bucket, unique)],
        "profile": "subtitles",
        "instruction": f"Listen, {unique}.",
        **fields,
    }


def played(done, role, bucket):
    """Start and length of every cue in milliseconds, as FFmpeg reads them, after the file has been verified."""
    artifact = find_artifact(done, role)
    assert (artifact.content_type, artifact.key[-4:]) == FORMS[role]
    data = read_reference(artifact, lambda place, key: bucket.read(key, bucket=place))
    with av.open(io.BytesIO(data), format=role) as container:
        packets = [packet for packet in container.demux() if packet.size]
    return [
        (round(packet.pts * packet.time_base * 1_000), round(packet.duration * packet.time_base * 1_000))
        for packet in packets
    ]


def told(items):
    return [
        (start := round(item["start_seconds"] * 1_000), max(round(item["end_seconds"] * 1_000) - start, 1))
        for item in items
    ]


@pytest.mark.parametrize(("profile", "field"), [("subtitles", "cues"), ("lyrics", "lines")])
async def test_the_cues_of_an_answer_are_two_files_that_a_player_opens(
    shared_worker, wire, bucket, unique, profile, field
):
    await wire.publish(asked(bucket, unique, profile=profile))
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error, done.warnings) == ("succeeded", None, ())
    assert [artifact.role for artifact in done.artifacts] == list(FORMS)
    cues = done.result[field]
    assert cues
    assert played(done, "srt", bucket) == played(done, "webvtt", bucket) == told(cues)


async def test_where_nobody_speaks_the_files_show_nothing(shared_worker, wire, simulator, bucket, unique):
    await simulator.play({"match": {"contains": unique}, "do": {"text": '{"language": "und", "cues": []}'}})
    await wire.publish(asked(bucket, unique))
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.warnings) == ("succeeded", ())
    assert [bucket.read(artifact.key) for artifact in done.artifacts] == [b"", b"WEBVTT\n"]


async def test_an_answer_of_another_shape_is_whole_without_subtitles(shared_worker, wire, bucket, unique):
    schema = {"type": "object", "properties": {"song": {"type": "string"}}, "required": ["song"]}
    await wire.publish(asked(bucket, unique, output_schema=schema))
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.artifacts) == ("succeeded", ())
    assert done.result["song"]
    assert [warning.code for warning in done.warnings] == ["subtitles_missing"]
    assert "/cues" in done.warnings[0].message


async def test_a_request_sent_again_has_the_same_files_and_no_others(shared_worker, wire, simulator, bucket, unique):
    await wire.publish(asked(bucket, unique))
    first = await wire.completion(unique)
    await wire.publish(asked(bucket, unique))
    again = await wire.completion(unique, count=2)
    assert again.data == first.data
    folder = f"default/{first.event.event_id}/"
    assert bucket.keys(folder) == sorted(artifact.key for artifact in first.data.artifacts)


async def test_the_subtitles_of_a_long_recording_are_one_file_at_its_own_times(shared_worker, wire, bucket, unique):
    medium = {"kind": "audio", **bucket.upload(f"subtitles/{unique}-long.wav", beats(300), content_type="audio/wav")}
    await wire.publish(asked(bucket, unique, media=[medium], model={"detail": "standard"}))
    done = (await wire.completion(unique, seconds=60)).data
    assert (done.outcome, done.coverage, done.error, done.warnings) == ("succeeded", "complete", None, ())
    assert len(done.segments) > 1
    cues = done.result["cues"]
    assert cues[-1]["end_seconds"] > 250
    assert played(done, "srt", bucket) == played(done, "webvtt", bucket) == told(cues)
