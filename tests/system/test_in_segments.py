"""Long media all the way: cut, asked side by side, put together at their own times, and each part paid for once."""

from __future__ import annotations

import secrets

import pytest

from media_contracts.topics import COMPLETED, REQUESTED
from tests.system.long_media import asked, long_film, sums, talk

TWENTY_MINUTES = 1200


def spoken(bucket, unique, seconds=300, **form):
    return {"kind": "audio", **bucket.upload(f"long/{unique}.wav", talk(seconds, **form), content_type="audio/wav")}


async def test_a_talk_of_twenty_minutes_is_told_once_at_its_own_times(shared_worker, wire, simulator, bucket, unique):
    medium = spoken(bucket, unique, TWENTY_MINUTES)
    await wire.publish({"request_id": unique, "media": [medium], "profile": "subtitles", "instruction": unique})
    done = (await wire.completion(unique, seconds=60)).data
    assert (done.outcome, done.coverage, done.warnings) == ("succeeded", "complete", ())
    starts = [cue["start_seconds"] for cue in done.result["cues"]]
    assert starts == pytest.approx(list(range(0, TWENTY_MINUTES, 20)), abs=0.1)
    assert await asked(simulator, unique) == dict.fromkeys(range(1, 12), 1)
    assert done.media[0].delivery == "segmented"
    assert (done.media[0].duration_seconds, len(done.segments)) == (TWENTY_MINUTES, 11)
    assert [one.outcome for one in done.segments] == ["succeeded"] * 11
    assert (done.segments[0].start_seconds, done.segments[-1].end_seconds) == (0, TWENTY_MINUTES)
    assert {(one.kind, one.outcome) for one in done.attempts} == {("segment", "succeeded")}
    assert sums([done.usage]) == sums(one.usage for one in done.attempts) == sums(one.usage for one in done.segments)
    assert done.cost.decimal == sum(one.cost.decimal for one in done.segments)


async def test_what_segments_tell_differently_a_text_model_makes_one_of(
    shared_worker, wire, simulator, bucket, unique, tmp_path
):
    data = long_film(tmp_path / "film.mp4")
    medium = {"kind": "video", **bucket.upload(f"long/{unique}.mp4", data, content_type="video/mp4")}
    await wire.publish({"request_id": unique, "media": [medium], "profile": "storyline", "instruction": unique})
    done = (await wire.completion(unique, seconds=60)).data
    assert (done.outcome, done.coverage) == ("succeeded", "complete"), done.error
    assert [warning.code for warning in done.warnings] == ["price_unknown"]
    assert await asked(simulator, unique) == {0: 1, 1: 1, 2: 1, 3: 1}
    [reduction] = [one for one in done.attempts if one.kind == "reduce"]
    assert (reduction.model, reduction.segment, reduction.usage.input.video) == ("qwen-plus", None, 0)
    parts = sums([*(one.usage for one in done.segments), reduction.usage])
    assert sums([done.usage]) == sums(one.usage for one in done.attempts) == parts
    starts = [scene["start_seconds"] for scene in done.result["storyline"]]
    assert starts == sorted(starts)
    assert starts[-1] > 300
    assert all(scene["end_seconds"] <= 550 for scene in done.result["storyline"])


async def test_a_segment_whose_call_breaks_off_is_retried_alone(shared_worker, wire, simulator, bucket, spans, unique):
    trace_id = secrets.token_hex(16)
    await simulator.play({"match": {"contains": "is part 2 of 3", "nth": 1}, "do": {"fault": "cut"}})
    medium = spoken(bucket, unique)
    request = {"request_id": unique, "media": [medium], "profile": "subtitles", "instruction": unique}
    await wire.publish(request, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    done = (await wire.completion(unique)).data
    assert (done.outcome, await asked(simulator, unique)) == ("succeeded", {1: 1, 2: 2, 3: 1})
    assert [(one.outcome, one.reason) for one in done.attempts if one.segment == 1] == [
        ("stream_cut", None),
        ("succeeded", "retry"),
    ]
    found = await spans.wait_for(trace_id, f"process {REQUESTED}", f"send {COMPLETED}")
    segments = {one.span_id: one.attributes["media_analysis.segment"] for one in found if one.name == "segment"}
    assert sorted(segments.values()) == [0, 1, 2]
    calls = [segments[one.parent_span_id] for one in found if one.name.startswith("chat ")]
    assert sorted(calls) == [0, 1, 1, 2]
    assert sums([done.usage]) == sums(one.usage for one in done.attempts) == sums(one.usage for one in done.segments)


async def test_another_model_begins_anew_and_what_it_discards_is_told(shared_worker, wire, simulator, bucket, unique):
    first, second = "qwen3.5-omni-flash", "qwen3.5-omni-plus"
    await simulator.play({"match": {"model": first, "contains": "is part 2 of 3"}, "do": {"fault": "free_quota"}})
    request = {"request_id": unique, "media": [spoken(bucket, unique)], "profile": "subtitles", "instruction": unique}
    await wire.publish(request | {"model": {"name": first, "fallbacks": [second]}})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.model) == ("succeeded", second)
    assert [warning.code for warning in done.warnings] == ["segments_discarded"]
    assert {(one.segment, one.model) for one in done.attempts if one.outcome == "succeeded"} >= {
        (number, second) for number in range(3)
    }
    assert sums([done.usage]) == sums(one.usage for one in done.attempts)


@pytest.mark.parametrize("policy", ["fail", "partial"])
async def test_one_segment_that_fails_is_decided_by_policy(shared_worker, wire, simulator, bucket, unique, policy):
    await simulator.play({"match": {"contains": "is part 2 of 3"}, "do": {"fault": "content_filtered"}})
    request = {"request_id": unique, "media": [spoken(bucket, unique)], "profile": "subtitles", "instruction": unique}
    await wire.publish(request | {"on_segment_failure": policy})
    done = (await wire.completion(unique)).data
    if policy == "fail":
        assert (done.outcome, done.error.code) == ("failed", "content_filtered")
        assert "segment 1 of 3 (99.3 to 200.7 s)" in done.error.message
        assert done.segments[1].error.code == "content_filtered"
        assert (len(done.segments), done.segments[1].outcome) == (3, "failed")
        return
    assert (done.outcome, done.coverage) == ("succeeded", "partial")
    [warning] = done.warnings
    assert (warning.code, warning.path) == ("coverage_partial", "/media/0")
    assert "101.3 to 198.7 s (segment 1: content_filtered)" in warning.message
    assert [one.outcome for one in done.segments] == ["succeeded", "failed", "succeeded"]
    assert done.segments[1].error.code == "content_filtered"
    starts = [cue["start_seconds"] for cue in done.result["cues"]]
    assert starts == pytest.approx([0, 20, 40, 60, 80, 100, 200, 220, 240, 260, 280], abs=0.1)


async def test_when_all_segments_fail_the_request_fails_whatever_the_policy(
    shared_worker, wire, simulator, bucket, unique
):
    await simulator.play({"match": {"contains": "of a longer one"}, "do": {"fault": "content_filtered"}})
    request = {"request_id": unique, "media": [spoken(bucket, unique)], "profile": "subtitles", "instruction": unique}
    await wire.publish(request | {"on_segment_failure": "partial"})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error.code) == ("failed", "content_filtered")


async def test_a_clip_is_what_is_analysed_and_its_times_are_the_mediums(shared_worker, wire, simulator, bucket, unique):
    medium = spoken(bucket, unique) | {"clip": {"start_seconds": 95.5, "end_seconds": 165}}
    await wire.publish({"request_id": unique, "media": [medium], "profile": "subtitles", "instruction": unique})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.segments, [one.kind for one in done.attempts]) == ("succeeded", (), ["analysis"])
    assert done.media[0].delivery == "inline"
    starts = [cue["start_seconds"] for cue in done.result["cues"]]
    assert starts == pytest.approx([100, 120, 140, 160], abs=0.1)
    assert done.usage.input.audio == pytest.approx(69.5 * 7, abs=14)


async def test_a_long_clip_is_cut_into_segments(shared_worker, wire, simulator, bucket, unique):
    medium = spoken(bucket, unique) | {"clip": {"start_seconds": 30, "end_seconds": 290}}
    await wire.publish({"request_id": unique, "media": [medium], "profile": "subtitles", "instruction": unique})
    done = (await wire.completion(unique)).data
    assert (done.outcome, len(done.segments)) == ("succeeded", 3)
    assert (done.segments[0].start_seconds, done.segments[-1].end_seconds) == (30, 290)
    starts = [cue["start_seconds"] for cue in done.result["cues"]]
    assert starts == pytest.approx(list(range(40, 290, 20)), abs=0.1)


async def test_a_schema_as_programs_write_it_has_its_own_lists_put_together_in_whole_seconds(
    shared_worker, wire, simulator, bucket, unique
):
    cue = {
        "type": "object",
        "properties": {name: {"type": "integer"} for name in ("start_seconds", "end_seconds")}
        | {"text": {"type": "string"}},
        "required": ["start_seconds", "end_seconds", "text"],
    }
    cues = {"type": "array", "items": {"$ref": "#/$defs/Cue"}}
    schema = {"$defs": {"Cue": cue}, "type": "object", "properties": {"cues": cues}, "required": ["cues"]}
    request = {"request_id": unique, "media": [spoken(bucket, unique)], "profile": "transcribe", "instruction": unique}
    await wire.publish(request | {"output_schema": schema | {"additionalProperties": False}})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.coverage, len(done.segments)) == ("succeeded", "complete", 3), done.error
    starts = [one["start_seconds"] for one in done.result["cues"]]
    assert starts == sorted(starts)
    assert all(isinstance(start, int) for start in starts)
    assert starts[-1] > 200


async def test_a_clip_outside_its_medium_is_rejected_by_name(shared_worker, wire, simulator, bucket, unique):
    medium = spoken(bucket, unique) | {"clip": {"start_seconds": 290, "end_seconds": 400}}
    await wire.publish({"request_id": unique, "media": [medium], "profile": "subtitles", "instruction": unique})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error.code) == ("rejected", "clip_invalid")
    assert "lasts 300.00 s" in done.error.message


async def test_two_clips_in_one_request_are_rejected_with_a_remedy(shared_worker, wire, bucket, unique):
    clip = {"clip": {"start_seconds": 10, "end_seconds": 20}}
    media = [spoken(bucket, f"{unique}-a") | clip, spoken(bucket, f"{unique}-b") | clip]
    await wire.publish({"request_id": unique, "media": media, "profile": "subtitles"})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error.code) == ("rejected", "feature_unsupported")
    assert "requests of their own" in done.error.message


async def test_several_media_that_are_only_longer_than_recommended_stay_whole(
    shared_worker, wire, simulator, bucket, unique
):
    media = [spoken(bucket, f"{unique}-a"), spoken(bucket, f"{unique}-b")]
    await wire.publish({"request_id": unique, "media": media, "profile": "subtitles", "instruction": unique})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.segments, len(done.attempts)) == ("succeeded", (), 1)


async def test_a_budget_is_held_against_all_calls_together(shared_worker, wire, simulator, bucket, unique):
    request = {"request_id": unique, "media": [spoken(bucket, unique)], "profile": "transcribe", "instruction": unique}
    schema = {
        "type": "object",
        "properties": {
            "cues": {
                "type": "array",
                "items": {"type": "object", "properties": {"start_seconds": {"type": "number"}}},
            }
        },
        "required": ["cues"],
        "additionalProperties": False,
    }
    limits = {"max_cost": {"amount": "3", "currency": "CNY"}}
    await wire.publish(request | {"output_schema": schema, "limits": limits, "model": {"max_output_tokens": 20_000}})
    done = (await wire.completion(unique)).data
    # Three answers of 20,000 tokens are 2.4 CNY at most, their sound is 0.14; no text model is needed.
    assert (done.outcome, done.estimate.cost.currency) == ("succeeded", "CNY")
    assert 2.4 < done.estimate.cost.decimal < 3
    limits = {"max_cost": {"amount": "2", "currency": "CNY"}}
    other = {"request_id": f"{unique}-2", "limits": limits, "model": {"max_output_tokens": 20_000}}
    await wire.publish(request | other | {"output_schema": schema})
    done = (await wire.completion(f"{unique}-2")).data
    assert (done.outcome, done.error.code) == ("rejected", "budget_exceeded")
    await wire.publish(request | {"request_id": f"{unique}-3", "limits": limits})
    done = (await wire.completion(f"{unique}-3")).data
    # The text model has no price here, so the request's own makes one answer: then the budget can be kept.
    assert (done.outcome, done.error.code) == ("rejected", "budget_exceeded")


async def test_with_a_budget_the_requests_own_model_puts_together_what_the_text_model_has_no_price_for(
    shared_worker, wire, bucket, unique
):
    medium = spoken(bucket, unique)
    limits = {"max_cost": {"amount": "9", "currency": "CNY"}}
    await wire.publish({"request_id": unique, "media": [medium], "profile": "meeting_minutes", "limits": limits})
    done = (await wire.completion(unique, seconds=60)).data
    assert (done.outcome, done.warnings) == ("succeeded", ())
    assert [(one.kind, one.model) for one in done.attempts][-1] == ("reduce", "qwen3.5-omni-plus")
    assert done.cost.decimal == sum(one.cost.decimal for one in done.attempts) <= done.estimate.cost.decimal
