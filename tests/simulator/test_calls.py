"""The call log: what was asked, sent, reported and billed, without keys and media."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.simulator.samples import JSON_MODE, body, data_uri, events, image, picture, text
from tests.simulator.servers import KEY

if TYPE_CHECKING:
    from tests.simulator.servers import Simulator


def test_a_call_is_recorded_as_it_was(simulator: Simulator) -> None:
    asked = body(image(), text("Answer in JSON: " + "x" * 300), system="Be brief.", seed=7, **JSON_MODE)
    response = simulator.ask(asked, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    call = simulator.last_call(status="finished")
    usage = events(response.content)[-1]["usage"]
    assert call["model"] == asked["model"]
    assert call["http_status"] == 200
    assert call["usage"] == usage
    assert call["billed"] == {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
    assert call["texts"][0] == "Be brief."
    assert len(call["texts"][1]) == 200
    assert call["parameters"]["seed"] == 7
    assert call["headers"]["traceparent"].startswith("00-aaaa")
    assert call["parts"] == [
        {"type": "image", "delivery": "inline", "bytes": len(picture()), "size": "64x48", "format": "JPEG"}
    ]
    assert (call["finished"], call["client_disconnected"], call["finish_reason"]) == (True, False, "stop")
    assert call["ended_at"] >= call["at"] == call["started_at"]


def test_no_key_and_no_media_are_kept(simulator: Simulator) -> None:
    simulator.ask(body(image(data_uri(picture(200, 200)))))
    simulator.ask(body(), Authorization="Bearer wrong-but-secret")
    shown = json.dumps(simulator.calls())
    assert KEY not in shown
    assert "wrong-but-secret" not in shown
    assert "base64" not in shown
    assert "authorization" not in shown.lower()


def test_calls_are_forgotten_when_told(simulator: Simulator) -> None:
    simulator.ask(body())
    simulator.last_call(status="finished")
    assert simulator.http.delete("/simulator/calls").json() == {"deleted": 1}
    assert simulator.calls() == []


def test_modalities_that_were_not_used_are_not_reported(simulator: Simulator) -> None:
    only_text = events(simulator.ask(body()).content)[-1]["usage"]
    assert only_text["prompt_tokens_details"].keys() == {"text_tokens"}
    with_image = events(simulator.ask(body(image())).content)[-1]["usage"]
    assert with_image["prompt_tokens_details"].keys() == {"text_tokens", "image_tokens"}
    assert sum(with_image["prompt_tokens_details"].values()) == with_image["prompt_tokens"]


def test_picture_options_change_what_is_reported(simulator: Simulator) -> None:
    large = data_uri(picture(1920, 1080))

    def image_tokens(part: dict, **fields: object) -> int:
        usage = events(simulator.ask(body(part, **fields)).content)[-1]["usage"]
        return usage["prompt_tokens_details"]["image_tokens"]

    assert image_tokens(image(large)) == 1224
    assert image_tokens(image(large, max_pixels=921_600)) == 882
    assert image_tokens(image(large), vl_high_resolution_images=True) == 2042
    assert image_tokens(image(large), model="qwen-omni-turbo") == 1224
