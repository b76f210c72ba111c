"""How JSON is asked for, by card: the schema beside the messages, JSON mode, or the prompt alone."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.catalogue import load_catalogue
from analysis_worker.local import analyse_locally
from analysis_worker.outline import conversation, read_wishes, texts_of
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import SCHEMA_LABEL
from analysis_worker.provider.request_body import CallParameters, build_body
from analysis_worker.provider.response_schema import NAME, is_strict, plainer, response_schema
from analysis_worker.settings import ModelSettings
from media_contracts import AnalysisRequested
from model_simulator.schema_strict import open_object
from tests.simulator.servers import KEY, run_simulator

MODEL = "takes-json-schema"
CARD = f"""
[models."{MODEL}"]
like = "qwen3.5-omni-plus"
[models."{MODEL}".capabilities]
json_schema = true
speech = false
search = false
[models."{MODEL}".prices.cn-beijing]
name = "none"
currency = "EUR"
input_text = 1
output_text_after_text = 2
"""
CLOSED = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
PROFILES = load_profiles()


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """A card of the operator's own, in a file."""
    path = tmp_path_factory.mktemp("cards") / "models.toml"
    path.write_text(CARD)
    return path


@pytest.fixture(scope="module")
def simulator():
    with run_simulator() as running:
        yield running


def asked_for(catalogue, model, *, profile="describe", **fields):
    """What the wishes for a request and its messages are, by the body that they make."""
    request = AnalysisRequested.model_validate_json(json.dumps({"request_id": "a", "instruction": "Why?"} | fields))
    card, form = catalogue.card(model), PROFILES.get(profile)
    schema = compile_schema(request.output_schema) if request.output_schema else form.schema
    detail = catalogue.details["standard"]
    wishes = read_wishes(request, model=model, card=card, profile=form, schema=schema, detail=detail)
    messages = conversation(request, card=card, profile=form, schema=schema, detail=detail)
    return wishes.parameters, messages


def body_of(parameters, messages):
    [written] = build_body(messages=messages, media=(), parameters=parameters).segments
    return json.loads(written)


def test_a_card_with_json_schema_sends_the_schema_beside_the_messages_and_not_in_them(cards):
    parameters, messages = asked_for(load_catalogue(cards), MODEL)
    sent = body_of(parameters, messages)
    form = sent["response_format"]
    assert (form["type"], form["json_schema"]["name"], form["json_schema"]["strict"]) == ("json_schema", NAME, True)
    assert form["json_schema"]["schema"] == PROFILES.get("describe").schema.document
    words = sent["messages"][0]["content"]
    assert SCHEMA_LABEL not in words
    assert "JSON" in words
    assert PROFILES.get("describe").schema.text not in json.dumps(sent["messages"])


def test_the_schema_counts_for_the_estimate_wherever_it_travels(cards):
    catalogue = load_catalogue(cards)
    _, beside = asked_for(catalogue, MODEL)
    _, inside = asked_for(catalogue, "qwen3.5-omni-plus")
    assert texts_of(beside) == texts_of(inside)
    assert PROFILES.get("describe").schema.text in texts_of(beside)[0]


@pytest.mark.parametrize("model", [name for name in load_catalogue().cards if name != MODEL])
def test_a_model_without_json_schema_is_not_sent_one(model):
    catalogue = load_catalogue()
    parameters, messages = asked_for(catalogue, model)
    form = {"type": "json_object"} if catalogue.card(model).capabilities.json_mode else None
    sent = body_of(parameters, messages)
    assert sent.get("response_format") == form
    assert PROFILES.get("describe").schema.text in sent["messages"][0]["content"]


def test_free_text_has_no_schema_however_the_card_is(cards):
    parameters, messages = asked_for(load_catalogue(cards), MODEL, profile="converse")
    assert "response_format" not in body_of(parameters, messages)


def test_the_requests_own_schema_takes_the_place_of_the_profiles(cards):
    parameters, _ = asked_for(load_catalogue(cards), MODEL, output_schema=OPEN)
    assert parameters.json_schema == {"name": NAME, "schema": OPEN, "strict": False}


@pytest.mark.parametrize("profile", [name for name, one in PROFILES.by_name.items() if not one.free_text])
def test_every_profile_of_ours_keeps_the_rules_of_strictness(profile):
    assert response_schema(PROFILES.get(profile).schema)["strict"] is True


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        (OPEN, False),
        (CLOSED | {"required": []}, False),
        ({"type": ["object", "null"]}, False),
        ({"type": "array", "items": OPEN}, False),
        ({"anyOf": [CLOSED, OPEN]}, False),
        ({"$defs": {"one": OPEN}, "$ref": "#/$defs/one"}, False),
        ({"type": "object", "properties": {"properties": CLOSED}, "required": ["properties"]}, False),
        (CLOSED | {"properties": {"a": {"enum": [{"type": "object"}]}}}, True),
        ({"type": "string"}, True),
        ({}, True),
    ],
)
def test_a_schema_is_strict_when_every_object_in_it_is_closed_and_whole(schema, strict):
    assert is_strict(compile_schema(schema).document) is strict


NAMES = st.sets(st.sampled_from("abc"), max_size=3)


def objects(inner):
    """Objects that are closed and whole, and such as are not."""
    return st.builds(
        lambda properties, required, further: (
            {"type": "object", "properties": properties, "required": sorted(required)} | further
        ),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        NAMES,
        st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]),
    )


def closed(schema):
    """The schema with every object in it closed and whole."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(one) for key, one in schema.items()}
    if "properties" in schema:
        inner |= {"required": sorted(schema["properties"]), "additionalProperties": False}
    return inner


SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"enum": ["a", {"type": "object"}]}, {}]),
    lambda inner: (
        objects(inner)
        | st.builds(lambda one: {"type": "array", "items": one}, inner)
        | st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner)
    ),
    max_leaves=6,
)


@given(SCHEMAS)
def test_two_readings_of_strictness_agree(schema):
    """Ours decides what is sent, the simulator's what is taken."""
    assert is_strict(compile_schema(schema).document) == (open_object(schema) is None)
    assert is_strict(compile_schema(closed(schema)).document)
    assert open_object(closed(schema)) is None


def test_json_is_asked_for_ever_more_plainly(cards):
    first, messages = asked_for(load_catalogue(cards), MODEL)
    second = plainer(first)
    third = plainer(second)
    forms = [body_of(one, messages).get("response_format", {}).get("type") for one in (first, second, third)]
    assert forms == ["json_schema", "json_object", None]
    assert plainer(third) is None
    # The plainer ways need the schema in the prompt, and have it.
    assert [SCHEMA_LABEL in body_of(one, messages)["messages"][0]["content"] for one in (first, second, third)] == [
        False,
        True,
        True,
    ]


@given(st.builds(CallParameters, model=st.just("m"), json_mode=st.booleans(), seed=st.none() | st.integers(0, 9)))
def test_asking_more_plainly_changes_nothing_else_and_ends(parameters):
    seen = [parameters]
    while (further := plainer(seen[-1])) is not None:
        seen.append(further)
    assert len(seen) <= 3
    assert {(one.model, one.seed, one.temperature) for one in seen} == {("m", parameters.seed, None)}


def analysed(document, simulator, cards):
    """The completion and the result's text of a request, all the way with the operator's cards."""
    return asyncio.run(
        analyse_locally(
            AnalysisRequested.model_validate_json(json.dumps(document)),
            model=ModelSettings(base_url=simulator.base_url, api_key=KEY, catalogue_file=str(cards)),
            profiles=None,
        )
    )


def test_a_model_that_takes_json_schema_answers_by_it(simulator, cards):
    document = {"request_id": "a", "instruction": "Why?", "model": {"name": MODEL}, "output_schema": CLOSED}
    completion, result = analysed(document, simulator, cards)
    assert (completion.outcome, completion.error) == ("succeeded", None)
    assert json.loads(result).keys() == {"a"}
    call = simulator.calls()[-1]
    assert call["parameters"]["response_format"]["json_schema"] == {"name": NAME, "schema": CLOSED, "strict": True}
    # Both count the schema; the simulator counts its own way, from what it was sent.
    assert completion.usage.input_tokens > len(json.dumps(CLOSED)) // 4


@pytest.mark.parametrize(
    ("model", "refused"), [("qwen3.5-omni-plus", ["json_schema"]), ("qwen-omni-turbo", ["json_schema", "json_object"])]
)
def test_a_card_that_promises_too_much_costs_refused_calls_and_no_answer(simulator, tmp_path, model, refused):
    """The simulator refuses what the provider's pages do not list; nothing is counted for that."""
    path = tmp_path / "models.toml"
    path.write_text(f'[models."{model}".capabilities]\njson_mode = true\njson_schema = true\n')
    before = len(simulator.calls())
    document = {"request_id": "a", "instruction": "Why?", "model": {"name": model}, "output_schema": CLOSED}
    completion, result = analysed(document, simulator, path)
    assert (completion.outcome, completion.error) == ("succeeded", None)
    # Only the prompt tells of the schema by now.
    assert json.loads(result).keys() == {"a"}
    assert [one.outcome for one in completion.attempts] == ["provider_refused"] * len(refused) + ["succeeded"]
    calls = simulator.calls()[before:]
    forms = [call["parameters"].get("response_format", {}).get("type") for call in calls]
    assert forms == ["json_schema", "json_object", None][: len(calls)]
