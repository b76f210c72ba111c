"""Every refusal of the provider that a request can provoke: status, code, text, and the way in which it arrives."""

from __future__ import annotations

import socket
import struct
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from model_simulator.rule_table import load_rules
from model_simulator.scenario import GATE_FAULTS
from tests.simulator.samples import (
    JSON_MODE,
    MODEL,
    audio,
    body,
    clip,
    data_uri,
    frames,
    image,
    picture,
    recording,
    text,
    video,
)
from tests.simulator.servers import COMPLETIONS, run_simulator

if TYPE_CHECKING:
    from tests.simulator.servers import FileServer, Simulator

RULES = load_rules()
TURBO, FLASH3, PLUS38 = "qwen-omni-turbo", "qwen3-omni-flash", "qwen3.8-omni-flash"
JSON_TEXT = text("Answer in JSON.")
SPEECH = {"modalities": ["text", "audio"], "audio": {"voice": "Cherry", "format": "wav"}}


def png_header(width: int, height: int) -> bytes:
    """A picture that announces its size and has hardly any pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(b"\0" * 100))
    pieces = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def messages(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"model": MODEL, "stream": True, "messages": list(entries)}


USER, ASSISTANT = {"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello"}
SYSTEM = {"role": "system", "content": "hello"}

# row of the rules -> requests that break it
REQUESTS: dict[str, list[dict[str, Any]]] = {
    "body": [
        {"model": MODEL, "messages": "hello"},
        messages({"role": "user"}),
        messages({"role": "user", "content": 7}),
    ],
    "no_model": [{"messages": [USER], "stream": True}, {"model": "", "messages": [USER]}],
    "unknown_model": [body(model="gpt-4o"), body(model="qwen3.5-omni-plus-2020-01-01")],
    "messages_empty": [messages()],
    "no_user": [messages(SYSTEM), messages(SYSTEM, ASSISTANT)],
    "last_not_user": [messages(USER, ASSISTANT)],
    "part_type": [
        body({"type": "file", "file": {}}),
        body({"type": "image_url", "image_url": "https://example.com/a.jpg"}),
        messages(USER, {"role": "assistant", "content": [image()]}, USER),
        body(image(), model="qwen-plus"),
    ],
    "stream_only": [body(stream=False), body(model=TURBO, stream=None)],
    "speech_without_stream": [body(stream=False, **SPEECH)],
    "thinking_without_stream": [body(model=PLUS38, stream=False, enable_thinking=True)],
    "thinking_unsupported": [body(enable_thinking=True), body(model=TURBO, enable_thinking=True)],
    "thinking_budget_range": [body(model=PLUS38, thinking_budget=0), body(model=PLUS38, thinking_budget="much")],
    "effort_with_budget": [body(model=PLUS38, thinking_budget=9, reasoning_effort="low")],
    "effort_unknown": [body(model=PLUS38, reasoning_effort="heroic")],
    "input_length": [body(text("word " * 40_000), model=TURBO)],
    "max_tokens_range": [
        body(max_tokens=0),
        body(max_tokens=65_537),
        body(max_tokens=1.5),
        body(max_completion_tokens=0),
    ],
    "temperature_range": [body(temperature=2), body(temperature=-0.1)],
    "temperature_type": [body(temperature="warm"), body(temperature=True)],
    "top_p_range": [body(top_p=0), body(top_p=1.1)],
    "presence_penalty_range": [body(presence_penalty=2.1), body(presence_penalty=-3)],
    "repetition_penalty_range": [body(repetition_penalty=0), body(repetition_penalty="much")],
    "top_k_range": [body(top_k=-1), body(top_k=1.5)],
    "search_strategy": [body(enable_search=True, search_options={"search_strategy": "turbo"})],
    "video_ratio": [body(video(data_uri(clip(3, 3216, 16), "")))],
    "seed_range": [body(seed=-1), body(seed=2**31)],
    "pixels_range": [
        body(image(max_pixels=16_777_217)),
        body(video(max_pixels=2_073_600)),
        body(video(min_pixels=1)),
        body(image(min_pixels=24_575)),
        body(video(total_pixels=0)),
    ],
    "fps_range": [body(video(fps=0.05)), body(video(fps=11))],
    "json_word": [body(**JSON_MODE)],
    "json_with_thinking": [body(JSON_TEXT, model=PLUS38, enable_thinking=True, **JSON_MODE)],
    "json_unlisted": [
        *(
            body(JSON_TEXT, model=name, **JSON_MODE)
            for name in (TURBO, FLASH3, "qwen3.5-omni-flash", "qwen2.5-omni-7b")
        ),
        body(JSON_TEXT, response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}),
    ],
    "schema_format": [
        body(model="takes-json-schema", response_format={"type": "json_schema", "json_schema": given})
        for given in (None, {"schema": {}}, {"name": "a b", "schema": {}}, {"name": "a", "schema": "{}"})
    ],
    "schema_not_strict": [
        body(
            model="takes-json-schema",
            response_format={"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}},
        )
        for schema in (
            {"type": "object"},
            {"type": "array", "items": {"properties": {"a": {}}, "required": ["a"]}},
            {"anyOf": [{"type": "object", "properties": {"a": {}}, "additionalProperties": False}]},
        )
    ],
    "format_unknown": [body(JSON_TEXT, response_format={"type": "xml"}), body(JSON_TEXT, response_format="json")],
    "search_unsupported": [body(model=FLASH3, enable_search=True), body(model=TURBO, enable_search=True)],
    "speech_unsupported": [body(model=PLUS38, reasoning_effort="none", **SPEECH)],
    "speech_with_thinking": [body(model=FLASH3, enable_thinking=True, **SPEECH)],
    "voice": [body(model=TURBO, modalities=["text", "audio"], audio={"voice": "Tina", "format": "wav"})],
    "speech_form": [body(modalities=["text", "audio"], audio={"voice": "Tina", "format": "mp3"})],
    "speech_with_json": [body(JSON_TEXT, **SPEECH, **JSON_MODE)],
    "speech_with_system": [{**messages(SYSTEM, USER), "model": name, **SPEECH} for name in (TURBO,)]
    + [{**messages(SYSTEM, USER), "model": "qwen2.5-omni-7b", **SPEECH, "audio": {"voice": "Ethan", "format": "wav"}}],
    "mixed_modalities": [body(image(), audio(), model=FLASH3), body(image(), video(), model=TURBO)],
    "too_many": [
        body(*[audio()] * 2, model=FLASH3),
        body(video(), frames(*[data_uri(picture())] * 4), model=TURBO),
        body(*[image("data:;base64,")] * 251),
    ],
    "url": [
        body(audio(b64encode(recording()).decode())),
        body(image("ftp://example.com/a.jpg")),
        body(image("oss://bucket/a.jpg")),
        body(image("a.jpg")),
        body(image("https://")),
        body(image("data:image/png,abc")),
        body(image("data:image/png;base64,%%%")),
    ],
    "data_uri_too_large": [body(image("data:image/png;base64," + "A" * 10_485_760))],
    "file_too_large": [],
    "image_undecodable": [
        body(image(data_uri(b"no picture at all"))),
        body(image("data:image/png;base64,")),
        body(image(data_uri(picture(640, 480)[:1000]))),
        body(image(data_uri(png_header(100, 100)))),
    ],
    "image_geometry": [body(image(data_uri(picture(10, 100)))), body(image(data_uri(picture(2, 2))))],
    "image_ratio": [body(image(data_uri(picture(2211, 11))))],
    "image_size": [body(image(data_uri(png_header(30_000, 30_000))))],
    "audio_empty": [body(audio("data:;base64,")), body(audio(data_uri(recording(0), "")))],
    "audio_too_long": [body(audio(data_uri(recording(181), "")), model=TURBO)],
    "audio_undecodable": [body(audio(data_uri(b"no sound at all")))],
    "video_undecodable": [body(video(data_uri(b"no clip at all"))), body(video(data_uri(recording())))],
    "video_too_long": [body(video(data_uri(clip(41))), model=TURBO)],
    "video_too_short": [body(video(data_uri(clip(1))), model=TURBO), body(video(data_uri(clip(0.1))))],
    "frame_list_range": [body(frames(data_uri(picture()))), body(frames(*[data_uri(picture())] * 3), model=TURBO)],
}
# what the tests below show, because it takes more than a body
ELSEWHERE = {
    "key",
    "body_too_large",
    "content_type",
    "content_length",
    "file_too_large",
    "download_failed",
    "download_forbidden",
    "download_timeout",
    "download_unable",
    "error_in_stream",
}


def assert_refused(response: Any, row_id: str) -> str:
    """The response is the refusal of that row; returns its message."""
    row = RULES.refusal(row_id)
    in_stream = bool(row.facts.get("stream"))
    assert response.status_code == (200 if in_stream else row.facts["status"]), response.text
    as_events = in_stream or bool(row.facts.get("sse"))
    assert response.headers["content-type"].startswith("text/event-stream" if as_events else "application/json")
    document = response.json() if not as_events else _only_event(response.text)
    error = document["error"]
    assert error["code"] == row.facts["code"]
    assert error["type"] == row.facts.get("type", "invalid_request_error")
    assert error.keys() == {"code", "param", "message", "type"}
    assert document["request_id"]
    known = row.value.partition("{")[0]
    prefix = RULES.limit("modality_prefix") if row.facts.get("prefixed") else ""
    assert error["message"].startswith(prefix + known)
    return str(error["message"])


def _only_event(content: str) -> Any:
    import json  # noqa: PLC0415

    head, _, rest = content.partition("\n\n")
    assert rest == ""
    return json.loads(head.removeprefix("data: "))


@pytest.mark.parametrize(
    ("row_id", "request_body"), [(row_id, one) for row_id, bodies in REQUESTS.items() for one in bodies]
)
def test_a_request_that_breaks_a_rule_is_refused_as_the_provider_refuses_it(
    simulator: Simulator, row_id: str, request_body: dict[str, Any]
) -> None:
    assert_refused(simulator.ask(request_body), row_id)
    call = simulator.last_call()
    assert call["status"] == ("error" if RULES.refusal(row_id).facts.get("stream") else "refused")
    assert call["error"]["row"] == f"refusal/{row_id}"
    assert call["billed"] == {"input_tokens": 0, "output_tokens": 0}


def test_every_refusal_is_shown_by_a_request_or_switched_by_a_scenario() -> None:
    names = {row_id.removeprefix("refusal/") for row_id in RULES.rows if row_id.startswith("refusal/")}
    assert names - REQUESTS.keys() - ELSEWHERE - GATE_FAULTS == set()


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sk-of-a-test"}])
@pytest.mark.parametrize("path", [COMPLETIONS, "/compatible-mode/v1/models"])
def test_no_key_and_a_wrong_key_are_both_401(simulator: Simulator, header: dict[str, str], path: str) -> None:
    import httpx  # noqa: PLC0415

    url = simulator.base_url.removesuffix("/compatible-mode/v1") + path
    with httpx.Client() as client:
        response = client.get(url, headers=header) if path.endswith("models") else client.post(url, headers=header)
    assert_refused(response, "key")


def test_only_the_keys_that_were_named_are_taken() -> None:
    with run_simulator(api_keys=["sk-the-one"]) as simulator:
        assert_refused(simulator.ask(body()), "key")
        assert simulator.ask(body(), Authorization="Bearer sk-the-one").status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(simulator: Simulator, content: bytes) -> None:
    assert_refused(simulator.http.post(COMPLETIONS, content=content), "body")


def test_a_body_beyond_the_limit_is_413() -> None:
    rows = dict(RULES.rows)
    from dataclasses import replace  # noqa: PLC0415

    rows["limit/body_max_bytes"] = replace(rows["limit/body_max_bytes"], value=1000)
    with run_simulator(rules=replace(RULES, rows=rows)) as simulator:
        assert_refused(simulator.ask(body(text("a" * 2000))), "body_too_large")


class TestFetching:
    """What the provider's fetcher does not take."""

    def test_a_port_where_nobody_listens(self, simulator: Simulator) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        assert_refused(simulator.ask(body(image(f"http://127.0.0.1:{port}/a.jpg"))), "download_failed")

    def test_a_missing_object_and_a_redirect(self, simulator: Simulator, files: FileServer) -> None:
        moved = files.put("moved.jpg", b"", status=302, Location="/else.jpg")
        for url in (f"{files.url}/missing.jpg", moved):
            assert_refused(simulator.ask(body(image(url))), "download_unable")

    def test_an_expired_signature(self, simulator: Simulator, files: FileServer) -> None:
        url = files.put("expired.jpg", b"<Error/>", status=403)
        assert_refused(simulator.ask(body(image(url + "?X-Amz-Signature=secret"))), "download_forbidden")

    def test_a_wrong_content_type(self, simulator: Simulator, files: FileServer) -> None:
        assert_refused(simulator.ask(body(image(files.put("page", picture(), "text/html")))), "content_type")

    def test_a_missing_content_length(self, simulator: Simulator, files: FileServer) -> None:
        url = files.put("endless.jpg", picture(), **{"Content-Length": ""})
        assert_refused(simulator.ask(body(image(url))), "content_length")

    def test_a_file_beyond_the_familys_size(self, simulator: Simulator, files: FileServer) -> None:
        url = files.put("large.wav", b"\0" * 10_485_761, "audio/wav")
        assert_refused(simulator.ask(body(audio(url), model=TURBO)), "file_too_large")

    def test_a_server_that_does_not_answer_in_time(self) -> None:
        with socket.socket() as silent, run_simulator(fetch_timeout_seconds=0.2) as simulator:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.jpg"
            assert_refused(simulator.ask(body(image(url))), "download_timeout")
