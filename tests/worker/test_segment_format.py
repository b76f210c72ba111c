"""The plan and the segments of a long request in the ledger: byte for byte as they were, and what a resume keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.errors import LedgerUnreadable
from analysis_worker.long_media.resume import DISCARDED, GoOn, StartOver, finished, resume
from analysis_worker.long_media.segment_format import (
    PlanDocument,
    PlannedObject,
    PlannedSegment,
    ReductionDocument,
    SegmentDocument,
    decode_plan,
    decode_reduction,
    decode_segment,
    encode_plan,
    encode_reduction,
    encode_segment,
    plan_sha256,
)
from media_contracts import Attempt, EstimatedUsage, InputUsage, Money, OutputUsage, Usage

GOLDEN = Path(__file__).parents[1] / "formats" / "0.1.0"
WHERE = "results/ledger/default/abc/plan.json"
ATTEMPT = Attempt(
    number=3,
    kind="segment",
    segment=1,
    model="qwen3.5-omni-plus",
    outcome="succeeded",
    usage=Usage(
        input_tokens=10,
        output_tokens=2,
        total_tokens=12,
        input=InputUsage(),
        output=OutputUsage(),
        calls=1,
        estimated=EstimatedUsage(calls=0, input_tokens=0, output_tokens=0),
    ),
    cost=Money(amount="0.00015", currency="CNY"),
    basis="reported",
)
PLAN = PlanDocument(
    fingerprint="f" * 64,
    model="qwen3.5-omni-plus",
    card_sha256="a" * 64,
    detail="standard",
    profile="storyline",
    profile_version="1",
    prompt_sha256="b" * 64,
    reduce_model="qwen-plus",
    objects=(PlannedObject(media_index=0, etag='"e1"', size_bytes=1_000_000),),
    segments=(
        PlannedSegment(index=0, media_index=0, start_seconds=0.0, end_seconds=121.5, overlap_seconds=0.0, cut="copy"),
        PlannedSegment(
            index=1, media_index=0, start_seconds=119.5, end_seconds=240.0, overlap_seconds=2.0, cut="encode"
        ),
    ),
)
SEGMENT = SegmentDocument(
    plan_sha256=plan_sha256(PLAN),
    index=1,
    outcome="succeeded",
    start_seconds=119.52,
    findings='{"title": "ü", "price": 1.10}',
    attempts=(ATTEMPT,),
)
REDUCTION = ReductionDocument(
    plan_sha256=plan_sha256(PLAN),
    answered=(0, 1),
    model="qwen-plus",
    finish_reason="stop",
    findings='{"title": "ü", "price": 1.10}',
    attempts=(ATTEMPT.model_copy(update={"kind": "reduce", "segment": None, "model": "qwen-plus"}),),
)
CASES = [
    pytest.param("ledger_plan.json", PLAN, encode_plan, decode_plan, id="plan"),
    pytest.param("ledger_segment.json", SEGMENT, encode_segment, decode_segment, id="segment"),
    pytest.param("ledger_reduction.json", REDUCTION, encode_reduction, decode_reduction, id="reduction"),
]


@pytest.mark.parametrize(("name", "document", "encode", "decode"), CASES)
def test_the_golden_file_is_read_and_written_again(name, document, encode, decode):
    golden = (GOLDEN / name).read_bytes().strip()
    assert decode(golden, where=WHERE) == document
    assert encode(document) == golden


def test_a_failed_segment_is_read_again_with_its_calls():
    failed = replace(SEGMENT, outcome="content_filtered", findings=None, message="refused")
    assert decode_segment(encode_segment(failed), where=WHERE) == failed


@pytest.mark.parametrize(("name", "document", "encode", "decode"), CASES)
@given(data=st.data())
def test_whatever_else_lies_there_is_unreadable_by_name(name, document, encode, decode, data):
    body = json.loads(encode(document))
    key = data.draw(st.sampled_from(sorted(body)))
    kind = type(body[key])
    others = st.none() | st.booleans() | st.text() | st.floats(allow_nan=False) | st.just([{}]) | st.just({})
    body[key] = data.draw(others.filter(lambda value: type(value) is not kind))
    if key in {"findings", "message", "start_seconds", "finish_reason", "model"} and isinstance(
        body[key], str | float | type(None)
    ):
        return
    if body[key] == {} and kind is list:
        return
    with pytest.raises(LedgerUnreadable, match="results/ledger"):
        decode(json.dumps(body).encode(), where=WHERE)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no document"),
        (b"[]", "no JSON object"),
        (b'{"format": 2}', "upgrade the worker"),
        (encode_plan(replace(PLAN, segments=PLAN.segments[1:])), "out of order"),
        (encode_plan(PLAN).replace(b'"copy"', b'"chop"'), "segments.0.cut"),
    ],
)
def test_a_plan_that_is_none_or_of_a_later_release_says_what_to_do(body, words):
    with pytest.raises(LedgerUnreadable, match=words):
        decode_plan(body, where=WHERE)


def test_a_segment_that_succeeded_without_findings_is_unreadable():
    with pytest.raises(LedgerUnreadable, match="disagree"):
        decode_segment(encode_segment(replace(SEGMENT, findings=None)), where=WHERE)


def test_a_resume_keeps_to_the_recorded_cut_points_when_all_else_is_the_same():
    today = replace(PLAN, segments=PLAN.segments[:1])
    assert resume(today, PLAN) == GoOn(plan=PLAN)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model": "qwen3.5-omni-flash"}, "model"),
        ({"card_sha256": "c" * 64}, "card"),
        ({"detail": "fine"}, "detail"),
        ({"profile_version": "2"}, "profile_version"),
        ({"prompt_sha256": "c" * 64}, "prompt"),
        ({"objects": (PlannedObject(media_index=0, etag='"e2"', size_bytes=1_000_000),)}, "objects"),
    ],
)
def test_a_resume_of_another_plan_discards_all_and_says_why(change, word):
    today = replace(PLAN, **change)
    decided = resume(today, PLAN)
    assert isinstance(decided, StartOver)
    assert decided.plan == today
    assert decided.warning.code == DISCARDED
    assert word in decided.warning.message
    assert finished(decided.plan, [SEGMENT]) == {}


def test_only_what_succeeded_under_this_very_plan_is_finished():
    failed = replace(SEGMENT, index=0, outcome="stream_cut", findings=None)
    assert finished(PLAN, [SEGMENT, failed]) == {1: SEGMENT}
    assert finished(PLAN, [replace(SEGMENT, plan_sha256="0" * 64)]) == {}
    assert finished(PLAN, [replace(SEGMENT, index=2)]) == {}
