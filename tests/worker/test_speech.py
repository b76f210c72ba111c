"""Which call speaks, what it is asked, and what is rejected before any call."""

from __future__ import annotations

import json

import pytest

from analysis_worker.answers.pointer import text_at
from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import FeatureUnsupported, ModelUnknown, ParameterInvalid, ProfileNotSpoken, Stopped
from analysis_worker.profiles import load_profiles
from analysis_worker.provider.request_body import build_body
from analysis_worker.speech import (
    SpokenAfter,
    SpokenBeside,
    choose_speech,
    is_word_for_word,
    reading_messages,
    reading_parameters,
)
from media_contracts import Speech

CATALOGUE, PROFILES = load_catalogue(), load_profiles()
PLUS, NEWEST, TURBO = "qwen3.5-omni-plus", "qwen3.8-omni-flash", "qwen-omni-turbo"


def chosen(profile="answer", *, model=PLUS, schema=None, **speech):
    one = PROFILES.get(profile)
    return choose_speech(
        Speech(voice="Cherry", **speech),
        model=model,
        card=CATALOGUE.card(model),
        profile=one,
        schema=schema or one.schema.document,
        catalogue=CATALOGUE,
    )


def test_the_free_text_profile_is_spoken_by_the_call_that_answers():
    assert chosen("converse") == SpokenBeside(voice="Cherry")


def test_a_structured_profile_is_read_aloud_afterwards_from_the_text_that_it_names():
    after = chosen("describe")
    assert isinstance(after, SpokenAfter)
    assert (after.model, after.pointer) == (PLUS, "/description")


def test_another_model_speaks_when_it_is_named():
    after = choose_speech(
        Speech(voice="Cherry", model=TURBO),
        model=NEWEST,
        card=CATALOGUE.card(NEWEST),
        profile=PROFILES.get("converse"),
        schema=PROFILES.get("converse").schema.document,
        catalogue=CATALOGUE,
    )
    assert isinstance(after, SpokenAfter)
    assert (after.model, after.pointer) == (TURBO, "/text")


def test_a_profile_that_names_no_text_is_rejected():
    for name in ("transcribe", "lyrics", "storyline", "moderation"):
        with pytest.raises(ProfileNotSpoken) as caught:
            chosen(name)
        assert caught.value.code == "profile_not_spoken"


def test_a_schema_of_the_requester_must_have_the_text_too():
    kept = {"type": "object", "properties": {"description": {"type": ["string", "null"]}}}
    assert isinstance(chosen("describe", schema=kept), SpokenAfter)
    for lacking in ({"type": "object"}, {"type": "object", "properties": {"description": {"type": "array"}}}):
        with pytest.raises(ProfileNotSpoken, match="/description"):
            chosen("describe", schema=lacking)


@pytest.mark.parametrize(
    ("model", "voice", "error"),
    [(NEWEST, "Cherry", FeatureUnsupported), (TURBO, "Tina", ParameterInvalid), ("qwen-none", "Tina", ModelUnknown)],
)
def test_a_model_without_speech_and_a_voice_that_a_model_lacks_are_rejected(model, voice, error):
    profile = PROFILES.get("answer")
    with pytest.raises(error):
        choose_speech(
            Speech(voice=voice, model=model),
            model=PLUS,
            card=CATALOGUE.card(PLUS),
            profile=profile,
            schema=profile.schema.document,
            catalogue=CATALOGUE,
        )


async def test_the_reading_call_sends_nothing_but_one_text_of_the_users():
    after = chosen("describe", model=TURBO)
    body = build_body(
        messages=reading_messages("It rains.", language="en"), media=(), parameters=reading_parameters(after)
    )
    sent = json.loads(b"".join([chunk async for chunk in body.chunks(lambda _: None)]))
    assert sent["modalities"] == ["text", "audio"]
    assert sent["audio"] == {"voice": "Cherry", "format": "wav"}
    assert [message["role"] for message in sent["messages"]] == ["user"]
    assert "<text>\nIt rains.\n</text>" in json.dumps(sent["messages"], ensure_ascii=False).replace("\\n", "\n")
    assert not {"response_format", "enable_thinking", "reasoning_effort", "enable_search"} & sent.keys()


def test_word_for_word_is_what_can_be_heard():
    assert is_word_for_word("“It rains”, he said…", "It rains, he said.")
    assert not is_word_for_word("It rained, he said.", "It rains, he said.")


def test_a_text_is_found_where_the_pointer_leads_and_nowhere_else():
    assert text_at({"a": {"b": " x "}}, "/a/b") == "x"
    assert [text_at(value, "/a/b") for value in ({}, {"a": None}, {"a": {"b": 1}}, [], {"a": {"b": None}})] == [""] * 5


def test_a_profile_of_the_operators_whose_spoken_text_is_not_in_its_schema_stops_the_worker(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "profile.toml").write_text('version = "1"\nkinds = ["image"]\nspoken = "/summary"\nfree_text = true\n')
    (place / "prompt.md").write_text("Look.")
    (place / "schema.json").write_text('{"type": "object", "properties": {"summary": {"type": "array"}}}')
    with pytest.raises(Stopped) as caught:
        load_profiles(tmp_path)
    assert "'/summary'" in caught.value.message
    assert "/text" in caught.value.message
