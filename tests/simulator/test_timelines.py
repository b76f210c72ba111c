"""Answers with times in them tell them in order, within the medium."""

from __future__ import annotations

import pytest

from analysis_worker.profiles import load_profiles
from analysis_worker.timeline import timeline_faults
from model_simulator.schema_fill import Material, fill_schema
from model_simulator.timelines import spread


@pytest.mark.parametrize("name", load_profiles().names)
@pytest.mark.parametrize("digest", ["a", "b", "c"])
def test_a_simulated_answer_to_every_profile_fits_its_schema_and_its_times(name, digest):
    profile = load_profiles().get(name)
    material = Material(sentences=("One.", "Two."), numbers={"duration_seconds": 12.5}, digest=digest)
    value = fill_schema(profile.schema.document, material)
    assert profile.schema.faults(value) == ()
    assert timeline_faults(value, timelines=profile.timelines, duration_seconds=12.5) == ()


def test_items_follow_one_another_over_the_whole_medium_and_the_rest_stays():
    item = {"start_seconds": 9, "end_seconds": 1, "text": "x"}
    value = spread({"cues": [item, item], "tags": ["a"], "one": item}, seconds=3.0)
    assert value["cues"] == [
        {"start_seconds": 0.0, "end_seconds": 1.5, "text": "x"},
        {"start_seconds": 1.5, "end_seconds": 3.0, "text": "x"},
    ]
    assert (value["tags"], value["one"]) == (["a"], item)
