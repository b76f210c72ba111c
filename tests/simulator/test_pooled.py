"""A text model that is given the findings of a medium's parts answers with what they say, and with nothing else."""

from __future__ import annotations

import json

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.long_media.absolute_times import shifted
from analysis_worker.long_media.reduce import Part, joined, reduce_parts, reduction_messages
from analysis_worker.long_media.segments import Segment
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import TextPart
from analysis_worker.values import Findings
from model_simulator.answer import write_answer
from model_simulator.clock_strip import clock_words
from tests.simulator.films import film
from tests.simulator.samples import JSON_MODE, body, data_uri, events, text, text_of, video

SPANS = ((0.0, 62.0), (60.0, 122.0), (120.0, 180.0))


def parts(*values):
    segments = [
        Segment(index=index, start_seconds=start, end_seconds=end, overlap_seconds=2.0 if index else 0.0)
        for index, (start, end) in enumerate(SPANS)
    ]
    return [Part(segment=segment, value=value) for segment, value in zip(segments, values, strict=True)]


def minutes(title, summary, at, **more):
    topic = {"start_seconds": at, "end_seconds": at + 5, "title": title, "points": [f"point of {title}"]}
    whole = {"title": title, "participants": [{"name": "Ann", "role": None}], "summary": summary, "topics": [topic]}
    return {**whole, "decisions": [], "action_items": [], "open_questions": [], **more}


def answered(asked):
    """What the simulator says to the worker's own reduction call."""
    messages = reduction_messages(asked, prompt="Write the minutes.")
    texts = [part.text for message in messages for part in message.parts if isinstance(part, TextPart)]
    value = json.loads(write_answer(texts=texts, facts=(), as_json=True))
    return joined(asked, Findings(json_text=json.dumps(value), value=value))


def test_the_whole_says_what_its_parts_say_and_its_times_are_theirs():
    profile = load_profiles().get("meeting_minutes")
    found = parts(
        minutes("Budget", "Money was talked about.", 12.5, decisions=["Spend less."]),
        minutes("Hiring", "People were talked about.", 70.0, decisions=["Hire Bob.", "Spend less."]),
        minutes("Lunch", "It was late.", 150.0),
    )
    asked = reduce_parts(found, schema=profile.schema, timelines=profile.timelines)
    value = answered(asked).value
    assert profile.schema.faults(value) == ()
    assert [topic["start_seconds"] for topic in value["topics"]] == [12.5, 70.0, 150.0]
    assert value["decisions"] == ["Spend less.", "Hire Bob."]
    assert value["participants"] == [{"name": "Ann", "role": None}]
    assert value["summary"] == "Money was talked about. People were talked about. It was late."


def test_bounded_lists_texts_and_enumerations_stay_within_their_bounds():
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "mood": {"enum": ["calm", "tense"]},
                "count": {"type": "integer"},
                "note": {"type": "string", "maxLength": 12},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            },
            "required": ["mood", "count", "note", "tags"],
            "additionalProperties": False,
        }
    )
    values = [
        {"mood": mood, "count": count, "note": note, "tags": tags}
        for mood, count, note, tags in (
            ("calm", 1, "one", ["a", "b"]),
            ("tense", 5, "two", ["b", "c", "d"]),
            ("tense", 2, "three and four", ["e"]),
        )
    ]
    value = answered(reduce_parts(parts(*values), schema=schema, timelines=())).value
    assert value == {"mood": "tense", "count": 5, "note": "one two", "tags": ["a", "b", "c"]}


def test_a_schema_with_findings_of_its_own_is_no_finding():
    schema = json.dumps({"type": "object", "properties": {"findings": {"type": "array"}}})
    asked = 'Answer as {"findings": [], "risk": "low"} would.'
    assert "findings" in json.loads(write_answer(texts=[schema, asked], facts=(), as_json=True))


def test_two_parts_of_a_film_and_the_text_model_tell_the_whole_over_the_wire_at_its_own_times(simulator):
    """Every link of the way that a long film goes, but the worker: two calls, their times moved, a text-only call."""
    profile = load_profiles().get("storyline")
    schema = text(f"Answer in JSON that fits this schema:\n{json.dumps(profile.schema.document)}")
    segments = [
        Segment(index=0, start_seconds=0.0, end_seconds=32.0),
        Segment(index=1, start_seconds=30.0, end_seconds=60.0, overlap_seconds=2.0),
    ]
    found = []
    for segment in segments:
        start = int(segment.start_seconds)
        piece = data_uri(film(seconds=int(segment.length_seconds), first=start), "video/mp4")
        told = asked(simulator, video(piece), schema)
        moved = shifted(told, timelines=profile.timelines, by_seconds=segment.start_seconds)
        found.append(Part(segment=segment, value=moved))
    reduction = reduce_parts(found, schema=profile.schema, timelines=profile.timelines)
    messages = reduction_messages(reduction, prompt=profile.prompt)
    parts = [text(part.text) for message in messages for part in message.parts if isinstance(part, TextPart)]
    value = asked(simulator, *parts, model="qwen-plus")
    whole = joined(reduction, Findings(json_text=json.dumps(value), value=value)).value
    assert profile.schema.faults(whole) == ()
    shown = [(item["text"], round(item["start_seconds"])) for item in whole["visible_text"]]
    assert shown == [(clock_words(second), second) for second in range(0, 60, 5)]
    call = simulator.last_call()
    assert (call["model"], call["parts"]) == ("qwen-plus", [])
    assert call["usage"]["prompt_tokens"] > 0


def asked(simulator, *parts, **fields):
    return json.loads(text_of(events(simulator.ask(body(*parts, **JSON_MODE, **fields)).content)))
