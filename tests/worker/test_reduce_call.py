"""The call that makes one answer out of the segments': what it reads, what it may cost, and when nobody is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import InputTooLong
from analysis_worker.long_media.cut_plan import CutPlan
from analysis_worker.long_media.reduce import Part, needs_model, reduce_parts
from analysis_worker.long_media.reduce_call import reduction_bound, reduction_call
from analysis_worker.long_media.segments import segments_of
from analysis_worker.outline import read_wishes
from analysis_worker.profiles import load_profiles
from analysis_worker.tokens import InputTokens
from analysis_worker.values import AnalysisPlan
from media_contracts import AnalysisRequested, Estimate, ModelChoice

CATALOGUE = load_catalogue()
PLUS, WORDS = CATALOGUE.card("qwen3.5-omni-plus"), CATALOGUE.card("qwen-plus")
PROFILE = load_profiles().get("subtitles")
REQUEST = AnalysisRequested(
    request_id="r", instruction="What is said?", language="de", model=ModelChoice(max_output_tokens=40_000)
)
WISHES = read_wishes(
    REQUEST,
    model="qwen3.5-omni-plus",
    card=PLUS,
    profile=PROFILE,
    schema=PROFILE.schema,
    detail=CATALOGUE.details["standard"],
)
SEGMENTS = segments_of(duration_seconds=300, longest_seconds=120, key_frames=None)
CUT = CutPlan(media_index=0, segments=SEGMENTS, wishes=WISHES, timelines=PROFILE.timelines, reduce_model="qwen-plus")
WHOLE = AnalysisPlan(
    model="qwen3.5-omni-plus",
    card=PLUS,
    profile=PROFILE,
    schema=PROFILE.schema,
    media=(),
    messages=(),
    parameters=WISHES.parameters,
    pixels=WISHES.pixels,
    input_tokens=InputTokens(),
    unseen_tokens=InputTokens(),
    reasoning_tokens=0,
    estimate=Estimate(input_tokens=0),
    timelines=PROFILE.timelines,
    duration_seconds=300.0,
    cut=CUT,
)


def to_reduce(words="Ja. "):
    languages = ["de", "en", "fr"]
    parts = [Part(segment=one, value={"language": languages[one.index], "cues": [cue(one, words)]}) for one in SEGMENTS]
    return reduce_parts(parts, schema=PROFILE.schema, timelines=PROFILE.timelines)


def cue(segment, words):
    middle = (segment.start_seconds + segment.end_seconds) / 2
    return {"start_seconds": middle, "end_seconds": middle + 1, "text": words}


def call(card=WORDS, words="Ja. "):
    asked = to_reduce(words)
    return reduction_call(REQUEST, WHOLE, CUT, asked, card=card, region="beijing", day=date(2026, 11, 21))


def said(made):
    return "\n".join(part.text for message in made.messages for part in message.parts)


def test_it_is_a_call_of_words_alone_in_json_mode_by_the_text_model():
    made = call()
    assert (made.model, made.kind, made.segment, made.cut, made.media) == ("qwen-plus", "reduce", None, None, ())
    assert (made.parameters.model, made.parameters.json_mode, made.parameters.voice) == ("qwen-plus", True, None)
    assert made.parameters.max_tokens == WORDS.context.max_output_tokens < 40_000
    assert made.input_tokens.total == made.input_tokens.text == made.estimate.input_tokens > 0
    assert "cues" not in made.schema.document["properties"]
    assert made.timelines == ()
    assert "What is said?" in said(made)
    assert "BCP 47 tag de" in said(made)
    assert said(made).count("Ja. ") == len(SEGMENTS)


def test_without_a_price_its_bound_is_unknown_and_with_one_it_is_not():
    assert call().estimate.cost is None
    assert call(card=PLUS).estimate.cost.currency == "CNY"


def test_what_the_context_does_not_take_is_asked_without_the_timelines():
    small = WORDS.model_copy(update={"context": WORDS.context.model_copy(update={"context_tokens": 40_000})})
    made = call(card=small, words="Ja. " * 10_000)
    assert "Ja. " not in said(made)
    assert made.input_tokens.total < 2000
    tiny = WORDS.model_copy(update={"context": WORDS.context.model_copy(update={"context_tokens": 33_000})})
    with pytest.raises(InputTooLong):
        call(card=tiny, words="Ja. " * 10_000)


def test_the_bound_at_planning_is_never_below_that_of_the_call():
    planned = reduction_bound(WHOLE, CUT, card=PLUS, region="beijing", day=date(2026, 11, 21))
    assert planned.cost.decimal > call(card=PLUS).estimate.cost.decimal
    assert planned.tokens.total == planned.tokens.text


def test_no_model_is_needed_where_nothing_but_timelines_can_differ():
    items = {"type": "array", "items": {"type": "object", "properties": {"start_seconds": {"type": "number"}}}}
    schema = {"type": "object", "properties": {"cues": items}, "required": ["cues"], "additionalProperties": False}
    closed = compile_schema(schema)
    assert not needs_model(closed, ("/cues",))
    assert needs_model(compile_schema(schema | {"additionalProperties": True}), ("/cues",))
    bounded = {"cues": items | {"maxItems": 3}}
    assert needs_model(compile_schema(schema | {"properties": bounded}), ("/cues",))
    alone = replace(WHOLE, schema=closed)
    assert reduction_bound(alone, CUT, card=WORDS, region="beijing", day=date(2026, 11, 21)) is None
