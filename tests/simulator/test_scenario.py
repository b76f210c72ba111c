"""Scenarios: which calls a rule is for, and what each named fault looks like from outside."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import httpx
import pytest

from model_simulator.rule_table import load_rules
from model_simulator.scenario import Fault
from tests.simulator.samples import JSON_MODE, MODEL, body, events, image, text, text_of
from tests.simulator.servers import COMPLETIONS

if TYPE_CHECKING:
    from tests.simulator.servers import Simulator

SCHEMA = {
    "type": "object",
    "properties": {"note": {"type": "string"}},
    "required": ["note"],
    "additionalProperties": False,
}
JSON_TEXT = text(f"Answer in JSON. {json.dumps(SCHEMA)}")


def in_json(**fields: Any) -> dict[str, Any]:
    return body(JSON_TEXT, **JSON_MODE, **fields)


class TestWhichCalls:
    """Matching and counting."""

    def test_the_nth_call_that_matches_gets_the_fault(self, simulator: Simulator) -> None:
        simulator.direct({"match": {"contains": "sail", "nth": 2}, "do": {"fault": "server_error"}})
        questions = ["sail", "other", "sail away", "sail"]
        assert [simulator.ask(body(text(one))).status_code for one in questions] == [200, 200, 500, 200]

    def test_a_rule_applies_as_often_as_it_says(self, simulator: Simulator) -> None:
        simulator.direct({"match": {"model": MODEL, "times": 2}, "do": {"fault": "throttle_requests"}})
        other = body(model="qwen3-omni-flash")
        assert [simulator.ask(one).status_code for one in (other, body(), body(), body())] == [200, 429, 429, 200]

    def test_the_first_rule_that_applies_is_taken_and_all_count(self, simulator: Simulator) -> None:
        simulator.direct(
            {"match": {"nth": 1}, "do": {"fault": "throttle_burst"}},
            {"match": {"nth": 2}, "do": {"fault": "unavailable"}},
            {"match": {"times": 1}, "do": {"fault": "arrearage"}},
        )
        assert [simulator.ask(body()).status_code for _ in range(4)] == [429, 503, 400, 200]

    def test_loading_a_scenario_starts_the_counts_anew(self, simulator: Simulator) -> None:
        for _ in range(2):
            simulator.direct({"match": {"times": 1}, "do": {"fault": "server_error"}})
            assert [simulator.ask(body()).status_code for _ in range(2)] == [500, 200]

    def test_the_loaded_scenario_is_shown(self, simulator: Simulator) -> None:
        simulator.direct({"match": {"contains": "x"}, "do": {"fault": "cut", "after_chunks": 3}}, chunk_seconds=0.5)
        shown = simulator.http.get("/simulator/scenario").json()
        assert shown["default"] == {"first_token_seconds": 0.0, "chunk_seconds": 0.5, "chunk_characters": 16}
        assert shown["rules"] == [
            {"match": {"contains": "x"}, "do": {"fault": "cut", "after_chunks": 3, "whole": False}}
        ]

    @pytest.mark.parametrize(
        ("script", "named"),
        [
            ({"rules": [{"do": {"fault": "explode"}}]}, "rules.0.do.fault"),
            ({"rules": [{"match": {"nth": 0}, "do": {}}], "defualt": {}}, "rules.0.match.nth"),
            ({"defualt": {}}, "defualt"),
            ({"rules": [{"do": {"fault": "refuse"}}]}, "a row"),
            ({"rules": [{"do": {"fault": "refuse", "row": "no_such_row"}}]}, "no_such_row"),
            ([], "scenario"),
        ],
    )
    def test_a_bad_scenario_is_refused_with_every_fault_and_changes_nothing(
        self, simulator: Simulator, script: Any, named: str
    ) -> None:
        response = simulator.http.put("/simulator/scenario", json=script)
        assert response.status_code == 400
        assert named in response.json()["error"]
        assert simulator.http.get("/simulator/scenario").json()["rules"] == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("throttle_requests", 429, "limit_requests"),
        ("throttle_tokens", 429, "insufficient_quota"),
        ("throttle_burst", 429, "limit_burst_rate"),
        ("free_quota", 429, "insufficient_quota"),
        ("free_tier_only", 403, "AllocationQuota.FreeTierOnly"),
        ("access_denied", 403, "Model.AccessDenied"),
        ("server_error", 500, "internal_error"),
        ("unavailable", 503, "ModelUnavailable"),
        ("overloaded", 503, "ModelServingError"),
        ("arrearage", 400, "Arrearage"),
        ("content_filtered", 400, "data_inspection_failed"),
        ("unknown_400", 400, "InvalidParameter.Unheard"),
        ("json_mode_refused", 400, "invalid_parameter_error"),
    ],
)
def test_an_error_instead_of_an_answer(simulator: Simulator, fault: str, status: int, code: str) -> None:
    simulator.direct({"do": {"fault": fault, "retry_after_seconds": 2}})
    response = simulator.ask(in_json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.headers["retry-after"] == "2"
    call = simulator.last_call(status="refused")
    assert (call["fault"], call["usage"], call["billed"]["input_tokens"]) == (fault, None, 0)


def test_no_retry_after_unless_asked(simulator: Simulator) -> None:
    simulator.direct({"do": {"fault": "throttle_requests"}})
    assert "retry-after" not in simulator.ask(body()).headers


def test_json_mode_is_refused_only_where_it_is_asked_for(simulator: Simulator) -> None:
    simulator.direct({"do": {"fault": "json_mode_refused"}})
    assert simulator.ask(in_json()).status_code == 400
    assert simulator.ask(body(JSON_TEXT)).status_code == 200


def test_any_row_of_the_rules_and_any_error_can_be_provoked(simulator: Simulator) -> None:
    own = {"status": 418, "code": "Teapot", "message": "short and stout", "type": "teapot"}
    simulator.direct(
        {"match": {"nth": 1}, "do": {"fault": "refuse", "row": "download_forbidden"}},
        {"match": {"nth": 2}, "do": {"fault": "error", "error": own}},
    )
    assert "Don't have authorization" in simulator.ask(body()).json()["error"]["message"]
    response = simulator.ask(body())
    assert response.status_code == 418
    assert response.json()["error"] == {"code": "Teapot", "param": None, "message": "short and stout", "type": "teapot"}


def test_a_row_with_details_can_be_provoked_without_them(simulator: Simulator) -> None:
    for row_id in load_rules().rows:
        if row_id.startswith("refusal/"):
            simulator.direct({"do": {"fault": "refuse", "row": row_id.removeprefix("refusal/")}})
            assert simulator.ask(body()).status_code in {200, *range(400, 600)}


def test_an_error_with_the_body_of_an_event_stream(simulator: Simulator) -> None:
    simulator.direct({"do": {"fault": "sse_error_body"}})
    response = simulator.ask(body())
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("text/event-stream")
    assert json.loads(response.text.removeprefix("data: "))["error"]["message"] == "Download multimodal file timed out"


def test_an_error_inside_a_stream_that_began_well(simulator: Simulator) -> None:
    simulator.direct({"do": {"fault": "error_in_stream", "after_chunks": 2}})
    response = simulator.ask(body())
    lines = [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line]
    assert response.status_code == 200
    assert ["error" in line for line in lines] == [False, False, True]
    call = simulator.last_call(status="error")
    assert call["billed"]["output_tokens"] > 0
    assert call["error"]["code"] == "InternalError.Algo"


def test_an_answer_that_is_filtered_on_the_way(simulator: Simulator) -> None:
    simulator.direct({"do": {"fault": "content_filtered", "after_chunks": 1}})
    response = simulator.ask(body())
    assert response.status_code == 200
    assert "data_inspection_failed" in response.text


class TestSpoiledAnswers:
    """The answer's text is not what it should be."""

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            ("truncated_json", "stop"),
            ("length", "length"),
            ("prose_around_json", "stop"),
            ("fenced_json", "stop"),
            ("non_json", "stop"),
        ],
    )
    def test_what_is_no_json(self, simulator: Simulator, fault: str, reason: str) -> None:
        simulator.direct({"do": {"fault": fault}})
        chunks = events(simulator.ask(in_json()).content)
        with pytest.raises(json.JSONDecodeError):
            json.loads(text_of(chunks))
        assert chunks[-2]["choices"][0]["finish_reason"] == reason
        assert chunks[-1]["usage"]["completion_tokens"] > 0

    def test_json_of_a_wrong_shape(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "wrong_shape"}})
        assert "note" not in json.loads(text_of(events(simulator.ask(in_json()).content)))

    def test_nothing_at_all(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "empty"}})
        chunks = events(simulator.ask(in_json()).content)
        assert text_of(chunks) == ""
        assert chunks[-1]["usage"]["completion_tokens"] == 0

    def test_the_very_text_that_the_script_says(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"text": '{"note": "as scripted"}', "chunk_characters": 1}})
        chunks = events(simulator.ask(in_json()).content)
        assert text_of(chunks) == '{"note": "as scripted"}'
        assert len(chunks) == 23 + 2

    def test_a_whole_text_is_longer_than_the_limits(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"text": '{"note": "as scripted"}', "whole": True}})
        chunks = events(simulator.ask(in_json(max_tokens=1)).content)
        assert (text_of(chunks), chunks[-2]["choices"][0]["finish_reason"]) == ('{"note": "as scripted"}', "stop")

    def test_the_usage_that_the_script_says(self, simulator: Simulator) -> None:
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        simulator.direct({"do": {"usage": usage}})
        assert events(simulator.ask(body()).content)[-1]["usage"] == usage

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    def test_the_callers_limit_cuts_the_answer(self, simulator: Simulator, name: str) -> None:
        chunks = events(simulator.ask(in_json(**{name: 5})).content)
        assert chunks[-2]["choices"][0]["finish_reason"] == "length"
        assert chunks[-1]["usage"]["completion_tokens"] == 5


class TestUsage:
    """The usage chunk is missing or elsewhere."""

    def test_missing(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "missing_usage"}})
        assert not any(chunk["usage"] for chunk in events(simulator.ask(body()).content))
        call = simulator.last_call(status="finished")
        assert call["usage"] is None
        assert call["billed"]["output_tokens"] > 0

    def test_inside_the_last_chunk(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "usage_inside_last_chunk"}})
        last = events(simulator.ask(body()).content)[-1]
        assert last["usage"]["total_tokens"] > 0
        assert last["choices"][0]["finish_reason"] == "stop"


class TestDelivery:
    """The answer comes late, in part, or not at all."""

    def test_the_pace_is_kept(self, simulator: Simulator) -> None:
        simulator.direct(
            {"do": {"text": "abcdef", "chunk_characters": 2, "chunk_seconds": 0.05, "first_token_seconds": 0.1}}
        )
        began = time.monotonic()
        with simulator.http.stream("POST", COMPLETIONS, json=body()) as response:
            headers_after = time.monotonic() - began
            response.read()
        assert 0.2 <= time.monotonic() - began < 5
        assert headers_after < 0.1  # the status line does not wait for the first token

    def test_late_headers(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "slow_header", "first_token_seconds": 0.2}})
        began = time.monotonic()
        with simulator.http.stream("POST", COMPLETIONS, json=body()) as response:
            assert time.monotonic() - began >= 0.2
            assert events(response.read())

    def test_a_cut_stream_breaks_the_connection(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "cut", "after_chunks": 2}})
        received: list[bytes] = []
        stream = simulator.http.stream("POST", COMPLETIONS, json=body())
        with pytest.raises(httpx.RemoteProtocolError), stream as response:
            received.extend(response.iter_bytes())
        assert b"".join(received).count(b"data: ") == 2
        call = simulator.last_call(status="cut")
        assert (call["finished"], call["client_disconnected"], call["chunks"]) == (False, False, 2)
        assert call["billed"]["input_tokens"] > 0 < call["billed"]["output_tokens"]

    def test_a_cut_comes_after_all_chunks_where_there_are_fewer(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "cut", "after_chunks": 1000}})
        with pytest.raises(httpx.RemoteProtocolError):
            simulator.ask(body())

    def test_an_early_close_ends_the_body_without_a_finish(self, simulator: Simulator) -> None:
        simulator.direct({"do": {"fault": "early_close", "after_chunks": 1}})
        response = simulator.ask(body())
        assert response.text.count("data: ") == 1
        assert "[DONE]" not in response.text

    @pytest.mark.parametrize("fault", ["hold", "stall"])
    def test_a_held_call_goes_on_when_it_is_released(self, simulator: Simulator, fault: str) -> None:
        simulator.direct({"do": {"fault": fault}})
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(simulator.ask(body())))
        asking.start()
        held = simulator.last_call(status="held")
        assert (held["http_status"], held["chunks"]) == ((None, 0) if fault == "hold" else (200, 1))
        assert simulator.http.post("/simulator/release").json() == {"released": 1}
        asking.join(10)
        assert events(answers[0].content)[-1]["usage"]
        assert simulator.last_call(status="finished")["ended_at"]

    @pytest.mark.parametrize("fault", ["hold", "stall"])
    def test_a_client_that_leaves_is_noticed_and_billed(self, simulator: Simulator, fault: str) -> None:
        simulator.direct({"do": {"fault": fault}})
        with pytest.raises(httpx.ReadTimeout):
            simulator.http.post(COMPLETIONS, json=body(image()), timeout=0.2)
        call = simulator.last_call(status="cut")
        assert call["client_disconnected"] is True
        assert call["billed"]["input_tokens"] > 0
        assert bool(call["billed"]["output_tokens"]) == (fault == "stall")

    def test_a_client_that_leaves_between_two_chunks_is_billed_for_what_was_made(self, simulator: Simulator) -> None:
        simulator.direct(chunk_seconds=0.05, chunk_characters=4)
        with simulator.http.stream("POST", COMPLETIONS, json=body()) as response:
            next(response.iter_bytes())
        call = simulator.last_call(status="cut")
        assert call["client_disconnected"] is True
        assert 0 < call["billed"]["output_tokens"] < 40


def test_every_fault_is_shown_here() -> None:
    shown = Path(__file__).read_text(encoding="utf-8")
    faults = {fault for group in get_args(Fault) for fault in get_args(group)}
    assert {fault for fault in faults if f'"{fault}"' not in shown} == set()
