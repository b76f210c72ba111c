"""One answer out of the segments': times are absolute, timelines are put together, the rest is asked for or alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.answers.timeline import timeline_faults
from analysis_worker.long_media.absolute_times import EVERYWHERE, in_whole_seconds, shifted, timelines_of
from analysis_worker.long_media.reduce import Merged, Part, ToReduce, gaps_of, joined, reduce_parts, reduction_messages
from analysis_worker.long_media.segments import segments_of
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import TextPart
from analysis_worker.values import Findings

SUBTITLES = load_profiles().get("subtitles")
MINUTES = load_profiles().get("meeting_minutes")
SEGMENTS = segments_of(duration_seconds=250.0, longest_seconds=100.0, key_frames=None)


def cue(start, text, end=None):
    return {"start_seconds": start, "end_seconds": start + 1 if end is None else end, "text": text}


def subtitles(*cues, language="en"):
    return {"language": language, "cues": list(cues)}


def parts_of(*values):
    return [Part(segment=segment, value=value) for segment, value in zip(SEGMENTS, values, strict=True)]


def texts(messages):
    return "\n".join(part.text for message in messages for part in message.parts if isinstance(part, TextPart))


def test_times_are_moved_where_the_timelines_say_and_nowhere_else():
    value = {"cues": [cue(1.5, "a", None), cue(2, "b") | {"end_seconds": None}, "odd"], "start_seconds": 3}
    moved = shifted(value, timelines=["/cues", "/missing/list"], by_seconds=119.52)
    assert [item if isinstance(item, str) else item["start_seconds"] for item in moved["cues"]] == [
        121.02,
        121.52,
        "odd",
    ]
    assert (moved["cues"][0]["end_seconds"], moved["cues"][1]["end_seconds"]) == (122.02, None)
    assert (moved["start_seconds"], value["cues"][0]["start_seconds"]) == (3, 1.5)


@given(st.floats(0, 10_000), st.lists(st.floats(0, 1000)))
def test_moving_there_and_back_changes_nothing_beyond_a_millisecond(by, starts):
    value = {"cues": [cue(start, "x") for start in starts]}
    back = shifted(shifted(value, timelines=["/cues"], by_seconds=by), timelines=["/cues"], by_seconds=-by)
    assert all(
        abs(one["start_seconds"] - two["start_seconds"]) < 0.0021
        for one, two in zip(value["cues"], back["cues"], strict=True)
    )


@pytest.mark.parametrize("profile", [profile for profile in load_profiles().by_name.values() if profile.timelines])
def test_the_timelines_of_our_own_profiles_are_found_in_their_schemas(profile):
    assert timelines_of(profile.schema.document) == profile.timelines


def test_a_requesters_schema_says_by_itself_where_its_times_are():
    timed = {"type": "array", "items": {"type": "object", "properties": {"start_seconds": {"type": "number"}}}}
    schema = {"properties": {"scenes": timed, "deep": {"properties": {"lines": timed}}, "a/b": timed, "tags": {}}}
    assert timelines_of(schema) == ("/scenes", "/deep/lines")


SCENE = {"type": "object", "properties": {"start_seconds": {"type": "integer"}, "what": {"type": "string"}}}
BY_A_PROGRAM = {
    "$defs": {"Scene": SCENE, "Part": {"properties": {"parts": {"items": {"$ref": "#/$defs/Part"}}}}},
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "scenes": {"type": "array", "items": {"$ref": "#/$defs/Scene"}},
        "lines": {"anyOf": [{"type": "array", "items": {"allOf": [{"$ref": "#/$defs/Scene"}]}}, {"type": "null"}]},
        "tree": {"$ref": "#/$defs/Part"},
        "inner": {"type": "object", "properties": {"scenes": {"type": "array", "items": {"$ref": "#/$defs/Scene"}}}},
    },
    "required": ["title", "scenes"],
}
"""As pydantic and its like write schemas: by reference."""


def test_the_timelines_of_a_schema_are_found_behind_references():
    assert timelines_of(BY_A_PROGRAM) == ("/scenes", "/lines", "/inner/scenes")


def test_a_schema_that_refers_to_itself_has_an_end():
    node = {"properties": {name: {"$ref": "#"} for name in "abcdefgh"} | {"at": {"items": SCENE}}}
    assert timelines_of(node)[:2] == ("/at", "/a/at")


def test_in_a_requesters_schema_times_are_moved_wherever_they_stand():
    value = {"best": {"start_seconds": 3}, "chapters": [{"scenes": [{"start_seconds": 1.5, "end_seconds": None}]}]}
    moved = shifted(value, timelines=[EVERYWHERE, "/chapters"], by_seconds=60)
    assert moved == {
        "best": {"start_seconds": 63},
        "chapters": [{"scenes": [{"start_seconds": 61.5, "end_seconds": None}]}],
    }


def test_times_stay_whole_where_the_schema_wants_whole_numbers():
    value = {"scenes": [{"start_seconds": 82.667, "end_seconds": 90.4}]}
    assert in_whole_seconds(value, schema=BY_A_PROGRAM) == {"scenes": [{"start_seconds": 83, "end_seconds": 90.4}]}
    either = {"properties": {"start_seconds": {"anyOf": [{"type": "integer"}, {"type": "number"}]}}}
    assert in_whole_seconds(value, schema=either) == value


def test_the_lists_of_a_requesters_schema_are_put_together_whole_also_where_the_model_left_out_what_holds_them():
    schema = compile_schema(BY_A_PROGRAM)
    timelines = (EVERYWHERE, *timelines_of(BY_A_PROGRAM))
    told = [
        {"title": str(segment.index), "scenes": [scene], "inner": {"scenes": [scene]}}
        for segment in SEGMENTS
        for scene in [{"start_seconds": segment.start_seconds + 20.4, "what": "w"}]
    ]
    asked = reduce_parts(parts_of(*told), schema=schema, timelines=timelines)
    assert isinstance(asked, ToReduce)
    assert set(asked.timelines) == {"/scenes", "/inner/scenes"}
    made = joined(asked, Findings(json_text="", value={"title": "one"}))
    starts = [round(segment.start_seconds + 20.4) for segment in SEGMENTS]
    assert [scene["start_seconds"] for scene in made.value["scenes"]] == starts
    assert [scene["start_seconds"] for scene in made.value["inner"]["scenes"]] == starts
    assert schema.faults(made.value) == ()


def test_what_two_neighbours_tell_of_their_overlap_is_told_once():
    border = SEGMENTS[1].border_seconds
    merged = reduce_parts(
        parts_of(
            subtitles(cue(10, "one"), cue(border - 0.5, "two"), cue(border + 0.5, "tw")),
            subtitles(cue(border - 0.5, "wo"), cue(border + 0.5, "three")),
            subtitles(cue(200, "four")),
        ),
        schema=SUBTITLES.schema,
        timelines=SUBTITLES.timelines,
    )
    assert isinstance(merged, Merged)
    assert [item["text"] for item in merged.findings.value["cues"]] == ["one", "two", "three", "four"]
    assert list(merged.findings.value) == ["language", "cues"]
    assert json.loads(merged.findings.json_text) == merged.findings.value


def test_beside_a_failed_segment_nothing_of_the_overlap_is_lost_and_the_gap_is_named():
    border = SEGMENTS[1].border_seconds
    parts = parts_of(subtitles(cue(border + 0.5, "kept")), None, subtitles(cue(SEGMENTS[2].start_seconds, "too")))
    merged = reduce_parts(parts, schema=SUBTITLES.schema, timelines=SUBTITLES.timelines)
    assert [item["text"] for item in merged.findings.value["cues"]] == ["kept", "too"]
    assert gaps_of(parts) == ((SEGMENTS[0].end_seconds, SEGMENTS[2].start_seconds),)
    assert gaps_of(parts_of(None, {}, None)) == (
        (0.0, SEGMENTS[1].start_seconds),
        (SEGMENTS[1].end_seconds, 250.0),
    )
    assert gaps_of(parts_of({}, {}, {})) == ()


def minutes(number, start):
    return {
        "title": f"Part {number}",
        "participants": [],
        "summary": "…",
        "topics": [{"start_seconds": start, "end_seconds": start + 1, "title": "t", "points": []}],
        "decisions": [f"decision {number}"],
        "action_items": [],
        "open_questions": [],
    }


def test_what_differs_is_asked_of_a_text_model_and_the_timelines_are_added_to_its_answer():
    parts = parts_of(minutes(1, 5.0), minutes(2, 120.0), None)
    asked = reduce_parts(parts, schema=MINUTES.schema, timelines=MINUTES.timelines)
    assert isinstance(asked, ToReduce)
    assert "topics" not in asked.schema.document["properties"]
    assert "topics" not in asked.schema.document["required"]
    reduced = {name: value for name, value in minutes(0, 0.0).items() if name != "topics"} | {"title": "All"}
    assert asked.schema.faults(reduced) == ()
    whole = joined(asked, Findings(json_text="", value=reduced))
    assert MINUTES.schema.faults(whole.value) == ()
    assert timeline_faults(whole.value, timelines=MINUTES.timelines, duration_seconds=250) == ()
    assert [topic["start_seconds"] for topic in whole.value["topics"]] == [5.0, 120.0]
    assert list(whole.value) == list(MINUTES.schema.document["properties"])


def test_the_reduction_is_asked_in_text_with_the_task_the_findings_and_the_gaps():
    asked = reduce_parts(
        parts_of(minutes(1, 5.0), minutes(2, 120.0), None), schema=MINUTES.schema, timelines=MINUTES.timelines
    )
    messages = reduction_messages(asked, prompt=MINUTES.prompt, instruction="Be brief.", language="de")
    said = texts(messages)
    assert [message.role for message in messages] == ["system", "user"]
    for words in (
        MINUTES.prompt.strip(),
        "Be brief.",
        "tag de",
        "decision 2",
        '"start_seconds":120.0',
        "JSON",
        "to 250",
    ):
        assert words in said
    short = texts(reduction_messages(asked, prompt=MINUTES.prompt, with_timelines=False))
    assert "decision 2" in short
    assert '"start_seconds":120.0' not in short


def test_without_a_gap_the_model_is_told_of_none():
    asked = reduce_parts(
        parts_of(minutes(1, 5.0), minutes(2, 120.0), minutes(3, 200.0)),
        schema=MINUTES.schema,
        timelines=MINUTES.timelines,
    )
    assert "could not be analysed" not in texts(reduction_messages(asked, prompt=MINUTES.prompt))


def test_a_list_of_bounded_length_is_left_to_the_model():
    schema = compile_schema({"properties": {"cues": {"type": "array", "maxItems": 3, "items": {}}}})
    parts = parts_of({"cues": [cue(1, "a")]}, {"cues": [cue(101, "b")]}, {"cues": []})
    asked = reduce_parts(parts, schema=schema, timelines=["/cues"])
    assert isinstance(asked, ToReduce)
    assert asked.schema.document == schema.document


def test_a_timeline_deeper_in_the_answer_is_put_together_in_its_place():
    schema = compile_schema(
        {"properties": {"film": {"properties": {"cues": {"type": "array"}, "x": {}}, "required": ["cues"]}}}
    )
    parts = parts_of(*({"film": {"x": 1, "cues": [cue(start, "a")]}} for start in (1, 110, 240)))
    merged = reduce_parts(parts, schema=schema, timelines=["/film/cues"])
    assert [item["start_seconds"] for item in merged.findings.value["film"]["cues"]] == [1, 110, 240]


def test_nothing_can_be_made_of_no_answers():
    with pytest.raises(ValueError, match="none of 3"):
        reduce_parts(parts_of(None, None, None), schema=SUBTITLES.schema, timelines=())


STARTS = st.lists(st.floats(0, 250), max_size=20).map(sorted)


@given(STARTS, st.sets(st.integers(0, 2), max_size=2))
def test_every_item_is_kept_exactly_once_when_each_segment_tells_all_that_it_shows(starts, failed):
    """Each segment that did not fail tells every cue that starts within it; the whole is in order, none is twice."""

    def told(segment):
        inside = [start for start in starts if segment.start_seconds <= start <= segment.end_seconds]
        return None if segment.index in failed else subtitles(*(cue(start, str(start)) for start in inside))

    parts = [Part(segment=segment, value=told(segment)) for segment in SEGMENTS]
    merged = reduce_parts(parts, schema=SUBTITLES.schema, timelines=SUBTITLES.timelines)
    found = [item["start_seconds"] for item in merged.findings.value["cues"]]
    gaps = gaps_of(parts)
    assert found == [
        start for start in starts if not any(begin < start < end for begin, end in gaps) and _covered(start, parts)
    ]


def _covered(start, parts):
    spans = [part.segment for part in parts if part.value is not None]
    return any(span.start_seconds <= start <= span.end_seconds for span in spans)
