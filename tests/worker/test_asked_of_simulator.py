"""What the worker asks, taken by the simulator: mixes, turns, detail levels, thinking and search, all the way."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from analysis_worker.local import analyse_locally
from analysis_worker.settings import ModelSettings
from media_contracts import AnalysisRequested
from tests.simulator.samples import clip, picture, recording
from tests.simulator.servers import KEY, run_simulator


@pytest.fixture(scope="module")
def simulator():
    with run_simulator() as running:
        yield running


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """A medium of each kind, as a request names it."""
    folder = tmp_path_factory.mktemp("media")
    found = {}
    for kind, name, data in (
        ("image", "a.jpg", picture(800, 600)),
        ("audio", "a.wav", recording(3)),
        ("video", "a.mp4", clip(3, 640, 480)),
    ):
        (folder / name).write_bytes(data)
        found[kind] = {"kind": kind, "bucket": "local", "key": str(folder / name)}
    frames = [folder / f"{number}.jpg" for number in range(4)]
    for path in frames:
        path.write_bytes(picture(640, 480))
    found["frames"] = {"kind": "frames", "bucket": "local", "keys": [str(path) for path in frames], "fps": 2.0}
    return found


def asked(simulator, model, **fields):
    """The completion of a request, and the call that the simulator took for it."""
    request = AnalysisRequested.model_validate_json(
        json.dumps(
            {"request_id": "a", "instruction": "Why?", "model": {"name": model} | fields.pop("choice", {})} | fields
        )
    )
    settings = ModelSettings(base_url=simulator.base_url, api_key=KEY, region="international")
    completion, result = asyncio.run(analyse_locally(request, model=settings, profiles=None))
    return completion, result, simulator.calls()[-1]


MODELS = ("qwen3.8-omni-flash", "qwen3.5-omni-plus", "qwen3.5-omni-flash", "qwen3-omni-flash", "qwen-omni-turbo")


@pytest.mark.parametrize("model", [*MODELS, "qwen2.5-omni-7b"])
def test_every_family_takes_every_kind_of_medium_in_one_request(simulator, media, model):
    completion, _, call = asked(simulator, model, media=[media["image"], media["audio"], media["video"]])
    assert (completion.outcome, completion.error) == ("succeeded", None)
    assert sorted(part["type"] for part in call["parts"]) == ["audio", "image", "video"]
    usage = completion.usage.input
    assert completion.estimate.input_tokens - usage.text > 0
    assert usage.image
    assert usage.video
    assert usage.audio


@pytest.mark.parametrize("model", MODELS)
def test_every_family_takes_earlier_turns_with_media(simulator, media, model):
    history = [
        {"role": "user", "text": "And this?", "media": [media["audio"]]},
        {"role": "assistant", "text": "A tone."},
        {"role": "user", "text": "And these?", "media": [media["image"], media["frames"]]},
        {"role": "assistant", "text": "Orange."},
    ]
    completion, _, call = asked(simulator, model, history=history)
    assert (completion.outcome, completion.error) == ("succeeded", None)
    assert [part["type"] for part in call["parts"]] == ["audio", "image", "frames"]


@pytest.mark.parametrize(("level", "pixels"), [("quick", 230_400), ("standard", 921_600), ("fine", 2_048_000)])
def test_the_pixels_of_a_level_stand_beside_the_film_and_are_counted_as_estimated(simulator, media, level, pixels):
    completion, _, call = asked(simulator, "qwen3.5-omni-plus", media=[media["video"]], choice={"detail": level})
    assert call["parts"][0]["options"] == {"max_pixels": pixels}
    usage = completion.usage.input
    assert (usage.video or 0) > 0
    without_text = completion.usage.input_tokens - usage.text
    # The text is estimated by another rule on each side; the media are counted by the published one on both.
    assert without_text == usage.video + (usage.audio or 0)


@pytest.mark.parametrize("model", ["qwen3-omni-flash", "qwen-omni-turbo"])
def test_a_family_that_documents_no_pixels_and_no_fps_is_sent_none(simulator, media, model):
    completion, _, call = asked(simulator, model, media=[media["frames"]], choice={"detail": "fine"})
    assert completion.outcome == "succeeded"
    assert "options" not in call["parts"][0]


def test_the_distance_of_frames_is_sent_where_it_is_documented(simulator, media):
    _, _, call = asked(simulator, "qwen3.5-omni-plus", media=[media["frames"]])
    assert call["parts"][0]["options"] == {"fps": 2.0, "max_pixels": 921_600}


@pytest.mark.parametrize(
    ("model", "reasoning", "sent"),
    [
        ("qwen3.8-omni-flash", {"enabled": True}, {}),
        ("qwen3.8-omni-flash", {"effort": "low"}, {"reasoning_effort": "low"}),
        ("qwen3.8-omni-flash", {"budget_tokens": 4000}, {"thinking_budget": 4000}),
        ("qwen3-omni-flash", {"enabled": True}, {"enable_thinking": True}),
        ("qwen3.8-omni-flash", None, {"reasoning_effort": "none"}),
        ("qwen3-omni-flash", {"enabled": False}, {}),
        ("qwen3.5-omni-plus", None, {}),
    ],
)
def test_reasoning_is_switched_as_the_model_wants_it_and_never_in_the_result(simulator, media, model, reasoning, sent):
    completion, result, call = asked(simulator, model, media=[media["image"]], choice={"reasoning": reasoning})
    assert (completion.outcome, completion.error) == ("succeeded", None)
    names = ("enable_thinking", "reasoning_effort", "thinking_budget")
    assert {name: call["parameters"][name] for name in names if name in call["parameters"]} == sent
    thinks = bool(reasoning) and reasoning.get("enabled") is not False
    assert bool(completion.usage.output.reasoning) == thinks
    assert ("response_format" in call["parameters"]) == (not thinks and model != "qwen3-omni-flash")
    assert "Simulated reasoning" not in (result or json.dumps(completion.result))
    assert bool(Decimal(completion.cost.by.get("reasoning", "0"))) == thinks


def test_search_is_asked_for_with_the_agent_strategy_and_has_no_known_price(simulator):
    completion, _, call = asked(simulator, "qwen3.5-omni-plus", choice={"search": True})
    assert (completion.outcome, completion.cost) == ("succeeded", None)
    assert call["parameters"]["enable_search"] is True
    assert call["parameters"]["search_options"] == {"search_strategy": "agent"}
    without, _, call = asked(simulator, "qwen3.5-omni-plus")
    assert without.cost.currency == "USD"
    assert "enable_search" not in call["parameters"]
