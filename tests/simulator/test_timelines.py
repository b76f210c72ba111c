"""Answers with times in them tell in order, within the medium, what its bytes show and when."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.timeline import timeline_faults
from analysis_worker.profiles import load_profiles
from model_simulator.answer import write_answer
from model_simulator.clock_strip import SAMPLES, clock_words, read_strip, strip_of
from model_simulator.listen import listen, watch
from model_simulator.look import look
from model_simulator.rule_table import load_rules
from model_simulator.schema_fill import Material, fill_schema
from tests.simulator.films import beeps, film
from tests.simulator.samples import picture, recording

RULES = load_rules()
CLOSE = 0.25
"""A picture lasts a fifth of a second here."""


def told(name, fact):
    profile = load_profiles().get(name)
    value = json.loads(write_answer(texts=[json.dumps(profile.schema.document)], facts=(fact,), as_json=True))
    assert profile.schema.faults(value) == ()
    assert (
        timeline_faults(value, timelines=profile.timelines, duration_seconds=getattr(fact, "duration_seconds", None))
        == ()
    )
    return value


@pytest.mark.parametrize("name", load_profiles().names)
@pytest.mark.parametrize("digest", ["a", "b", "c"])
def test_a_simulated_answer_to_every_profile_fits_its_schema_and_its_times(name, digest):
    profile = load_profiles().get(name)
    material = Material(sentences=("One.", "Two."), numbers={"duration_seconds": 12.5}, digest=digest)
    value = fill_schema(profile.schema.document, material)
    assert profile.schema.faults(value) == ()
    assert timeline_faults(value, timelines=profile.timelines, duration_seconds=12.5) == ()


def test_items_about_a_medium_that_nobody_looked_at_follow_one_another_over_all_of_it():
    item = {"type": "object", "properties": {"start_seconds": {"type": "number"}, "end_seconds": {"type": "number"}}}
    schema = {"type": "object", "properties": {"cues": {"type": "array", "items": item, "minItems": 3, "maxItems": 3}}}
    value = fill_schema(schema, Material(sentences=("One.",), numbers={"duration_seconds": 3.0}))
    assert [(cue["start_seconds"], cue["end_seconds"]) for cue in value["cues"]] == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]


@given(st.integers(0, (1 << 17) - 1))
def test_a_strip_is_read_as_it_was_written(seconds):
    row = [250 if cell else 5 for cell in strip_of(seconds) for _ in range(4)]
    assert read_strip(row) == seconds


@given(st.lists(st.integers(0, 255), min_size=SAMPLES, max_size=SAMPLES))
def test_a_picture_without_a_strip_has_no_clock(row):
    assert read_strip(row) is None


def test_the_clock_is_read_as_a_person_reads_it():
    assert clock_words(1050) == "00:17:30"


@pytest.mark.parametrize("form", ["mp4", "mpegts", "matroska"])
def test_a_storyline_has_a_scene_for_each_cut_of_the_film_and_the_text_that_it_shows(form):
    value = told("storyline", watch(film(form=form), RULES))
    starts = [scene["start_seconds"] for scene in value["storyline"]]
    assert starts == pytest.approx([0, 8, 16, 24], abs=CLOSE)
    assert "blue" in value["storyline"][1]["description"]
    shown = [(item["text"], item["start_seconds"]) for item in value["visible_text"]]
    assert [text for text, _ in shown] == [clock_words(second) for second in range(0, 30, 5)]
    assert [start for _, start in shown] == pytest.approx(list(range(0, 30, 5)), abs=CLOSE)


@pytest.mark.parametrize("name", ["subtitles", "transcribe", "audio_storyline"])
def test_a_recording_is_told_by_its_sounds_with_their_pitch(name):
    value = told(name, listen(beeps(first=1050), RULES))
    (items,) = [value[key] for key in ("cues", "segments", "transcript") if key in value]
    assert [item["start_seconds"] for item in items] == pytest.approx([0, 10, 20], abs=0.05)
    assert [item["end_seconds"] for item in items] == pytest.approx([0.5, 10.5, 20.5], abs=0.05)
    assert [item.get("text", item.get("content"))[-7:] for item in items] == ["1350 Hz", "1360 Hz", "1370 Hz"]


def test_a_part_of_a_film_is_told_from_its_own_start():
    clip = watch(film(first=1050), RULES)
    (first, *_) = told("storyline", clip)["visible_text"]
    assert (first["text"], first["start_seconds"]) == ("00:17:30", 0.0)
    assert [cue["start_seconds"] for cue in told("subtitles", clip)["cues"]] == pytest.approx([0, 10, 20], abs=CLOSE)


def test_nobody_speaks_in_silence():
    silent = listen(recording(seconds=3.0, amplitude=0), RULES)
    assert told("transcribe", silent)["segments"] == []
    assert len(told("audio_storyline", silent)["storyline"]) == 1


def test_text_in_a_picture_has_no_times_and_text_in_a_film_has_those_at_which_it_shows():
    (item, *_) = told("visible_text", look(picture(), RULES))["texts"]
    assert (item["start_seconds"], item["end_seconds"]) == (None, None)
    texts = told("visible_text", watch(film(), RULES))["texts"]
    assert [item["text"] for item in texts] == [clock_words(second) for second in range(0, 30, 5)]
