"""Answers fit the schema that the prompt shows, say true things of the bytes, and differ when the bytes differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import jsonschema_rs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_simulator.answer import write_answer
from model_simulator.look import look
from model_simulator.rule_table import load_rules
from model_simulator.schema_fill import Material, fill_schema
from model_simulator.schema_find import find_schema
from tests.simulator.samples import (
    JSON_MODE,
    audio,
    body,
    clip,
    data_uri,
    events,
    frames,
    image,
    picture,
    recording,
    text,
    text_of,
    video,
)

if TYPE_CHECKING:
    from tests.simulator.servers import FileServer, Simulator

MATERIAL = Material(
    sentences=("A landscape JPEG picture of 64 by 48 pixels.", "The dominant colour is orange.", "It is bright."),
    numbers={"width": 64},
    words={"colour": ("orange", "brown")},
    digest="abc",
)
NAMES = st.text("abcdefgh_", min_size=1, max_size=6)


def _bounded_strings() -> st.SearchStrategy[dict[str, Any]]:
    lengths = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
    plain = lengths.map(lambda pair: {"type": "string", "minLength": pair[0], "maxLength": pair[1]})
    formats = st.sampled_from(["date", "date-time", "time", "email", "uri", "uuid", "ipv4", "ipv6", "hostname"])
    patterns = st.sampled_from(["^[A-Z]{2}-\\d{3}$", "^(red|green)$", "^#[0-9a-f]{6}$", "^\\w+ \\w+$", "^[^a-z]+$"])
    return st.one_of(
        st.just({"type": "string"}),
        plain,
        formats.map(lambda name: {"type": "string", "format": name}),
        patterns.map(lambda pattern: {"type": "string", "pattern": pattern}),
        st.lists(st.text(max_size=8), min_size=1, max_size=5).map(lambda members: {"enum": members}),
        st.sampled_from([{"const": 7}, {"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}]),
    )


def _bounded_numbers() -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(st.integers(-1000, 1000), st.integers(2, 1000))
    return st.one_of(
        pairs.map(lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[0] + pair[1]}),
        pairs.map(lambda pair: {"type": "number", "minimum": pair[0], "exclusiveMaximum": pair[0] + pair[1]}),
        pairs.map(lambda pair: {"type": "integer", "exclusiveMinimum": pair[0], "exclusiveMaximum": pair[0] + pair[1]}),
        pairs.map(lambda pair: {"type": "integer", "multipleOf": pair[1], "minimum": pair[0]}),
        st.sampled_from([{"type": "integer"}, {"type": "number"}, {"type": "number", "minimum": 0, "maximum": 1}]),
    )


def _containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def finished(parts: tuple[dict[str, Any], list[str], bool]) -> dict[str, Any]:
        properties, extra, closed = parts
        required = [name for name in properties if len(name) % 2]
        schema = {"type": "object", "properties": properties, "required": required}
        return schema | ({"additionalProperties": False} if closed else {"required": list({*required, *extra})})

    objects = st.tuples(
        st.dictionaries(NAMES, inner, max_size=4), st.lists(NAMES, max_size=2, unique=True), st.booleans()
    )
    sizes = st.tuples(st.integers(0, 3), st.integers(0, 3))
    arrays = st.tuples(inner, sizes).map(
        lambda made: {"type": "array", "items": made[0], "minItems": made[1][0], "maxItems": sum(made[1])}
    )
    sets = st.integers(0, 3).map(
        lambda count: {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": count}
    )
    return st.one_of(
        objects.map(finished),
        arrays,
        sets,
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        inner.map(lambda schema: {"allOf": [schema, {"description": "said twice"}]}),
    )


SCHEMAS = st.recursive(_bounded_strings() | _bounded_numbers(), _containers, max_leaves=12)


def fits(value: Any, schema: Any) -> None:
    """Two validators agree that it does; the second knows more formats."""
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(value)


@settings(max_examples=300)
@given(SCHEMAS, st.text(max_size=8))
def test_a_value_fits_any_schema_that_can_be_kept(schema: dict[str, Any], digest: str) -> None:
    value = fill_schema(schema, Material(sentences=MATERIAL.sentences, numbers={"a": 3.5}, digest=digest))
    fits(value, schema)
    fits(json.loads(orjson.dumps(value)), schema)


@pytest.mark.parametrize(
    "schema",
    [
        {
            "$ref": "#/$defs/node",
            "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        },
        {
            "$defs": {
                "tree": {
                    "type": "object",
                    "properties": {"leaves": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
                }
            },
            "$ref": "#/$defs/tree",
        },
        {"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}], "items": False, "minItems": 2},
        {"type": "array", "contains": {"const": 5}, "items": {"type": "integer"}},
        {"type": "object", "minProperties": 3},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        {
            "type": "object",
            "patternProperties": {"^x[0-9]$": {"type": "integer"}},
            "additionalProperties": False,
            "minProperties": 1,
        },
        {
            "oneOf": [
                {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
                {"type": "string", "maxLength": 3},
            ]
        },
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "if": {"required": ["a"]},
            "then": {"required": ["b"]},
        },
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 3},
        {"not": {"type": "string"}, "type": ["string", "integer"]},
        True,
        {},
    ],
)
def test_a_value_fits_the_less_common_keywords(schema: Any) -> None:
    fits(fill_schema(schema, MATERIAL), schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#", "type": "object"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"$ref": "https://example.com/else.json"},
        {"$ref": "#/nowhere"},
        {"type": "string", "pattern": "(?P<broken"},
        {"type": "nonsense"},
        {"type": "integer", "minimum": 5, "maximum": 1},
        {"enum": []},
        {"type": "array", "minItems": "many"},
        {"type": "object", "properties": [], "required": "a"},
    ],
)
def test_a_schema_that_cannot_be_kept_still_gets_an_answer(schema: dict[str, Any]) -> None:
    assert write_answer(texts=[json.dumps(schema | {"properties": {}})], facts=(), as_json=True)
    orjson.dumps(fill_schema(schema, MATERIAL))


def test_the_schema_is_the_longest_object_that_looks_like_one() -> None:
    schema = {"type": "object", "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}}}
    example = json.dumps({"colour": "red", "note": "a long example of an answer, longer than the schema itself " * 4})
    prompt = (
        f"Answer {{as JSON}}. Example: {example}. The schema:\n```json\n{json.dumps(schema, indent=2)}\n```\nThanks."
    )
    assert find_schema(["hello", '{"type": "object"}', prompt]) == schema
    assert find_schema(["no schema", '{"answer": 1}', "{" * 10_000]) is None


PROFILE = {
    "type": "object",
    "properties": {
        "scene_description": {"type": "string", "maxLength": 400},
        "product_features": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 4},
        "dominant_colour": {"type": "string"},
        "verdict": {"enum": ["block", "review", "allow"]},
        "contains_violence": {"type": "boolean"},
        "width": {"type": "integer"},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["scene_description", "product_features", "verdict"],
    "additionalProperties": False,
}


def answer_to(simulator: Simulator, *parts: dict[str, Any], **fields: Any) -> str:
    return text_of(events(simulator.ask(body(*parts, **fields)).content))


def test_a_profiles_answer_is_true_of_the_picture_and_plainly_simulated(simulator: Simulator) -> None:
    shown = text(f"Answer in JSON. Schema: {json.dumps(PROFILE)}")
    value = json.loads(answer_to(simulator, image(data_uri(picture(640, 480, "teal"))), shown, **JSON_MODE))
    fits(value, PROFILE)
    assert value["scene_description"].startswith("Simulated answer: A landscape JPEG picture of 640 by 480 pixels")
    assert value["dominant_colour"] == "teal"
    assert value["width"] == 640
    assert value["verdict"] == "allow"
    assert value["contains_violence"] is False


def test_other_bytes_get_another_answer_and_the_same_bytes_the_same(simulator: Simulator) -> None:
    shown = text(f"Answer in JSON. Schema: {json.dumps(PROFILE)}")
    colours = ("red", "green", "blue", "red")
    answers = [answer_to(simulator, image(data_uri(picture(64, 64, colour))), shown, **JSON_MODE) for colour in colours]
    assert len(set(answers)) == 3
    assert answers[0] == answers[3]


def test_json_mode_without_a_schema_gets_a_small_object(simulator: Simulator) -> None:
    value = json.loads(answer_to(simulator, text("Any JSON will do."), **JSON_MODE))
    assert value["answer"].startswith("Simulated answer")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            lambda: image(data_uri(picture(40, 80, "white", "PNG"))),
            "portrait PNG picture of 40 by 80 pixels, mostly white, bright",
        ),
        (
            lambda: image(data_uri(picture(80, 80, "black", "WEBP"))),
            "square WEBP picture of 80 by 80 pixels, mostly black, dark",
        ),
        (lambda: audio(data_uri(recording(3, 20_000), "")), "loud wav recording of 3.0 seconds in one channel"),
        (lambda: audio(data_uri(recording(2, 0), "")), "silent wav recording of 2.0 seconds"),
        (lambda: video(data_uri(clip(3, 96, 64, "blue"), "")), "clip of 3.0 seconds, 96 by 64 pixels, without sound"),
        (
            lambda: frames(*[data_uri(picture(64, 48, c)) for c in ("red", "green", "blue")]),
            "begins mostly red and ends mostly blue",
        ),
    ],
)
def test_prose_says_what_the_bytes_are(simulator: Simulator, part: Any, said: str) -> None:
    assert said in answer_to(simulator, part(), text("What is this?"))


def test_a_url_is_fetched_and_its_query_is_not_kept(simulator: Simulator, files: FileServer) -> None:
    url = files.put("photo.jpg", picture(120, 90, "pink"))
    assert "120 by 90 pixels, mostly pink" in answer_to(simulator, image(f"{url}?X-Amz-Signature=secret"))
    part = simulator.last_call()["parts"][0]
    assert part == {
        "type": "image",
        "delivery": "url",
        "url": url,
        "bytes": len(picture(120, 90, "pink")),
        "size": "120x90",
        "format": "JPEG",
    }
    assert "secret" not in json.dumps(simulator.calls())


def test_one_changed_pixel_row_changes_the_digest() -> None:
    rules = load_rules()
    assert look(picture(64, 48, "red"), rules).sha256 != look(picture(64, 48, "darkred"), rules).sha256


def test_a_search_is_told_in_the_answer_and_counts_as_input(simulator: Simulator) -> None:
    search = {"enable_search": True, "search_options": {"search_strategy": "agent"}}
    plain, found = (events(simulator.ask(body(text("What day is it?"), **fields)).content) for fields in ({}, search))
    assert "search" not in text_of(plain)
    assert text_of(found).startswith("Simulated answer: A simulated search of the web")
    tokens = [chunks[-1]["usage"]["prompt_tokens"] for chunks in (plain, found)]
    assert tokens[1] - tokens[0] == load_rules().limit("search_result_tokens")
