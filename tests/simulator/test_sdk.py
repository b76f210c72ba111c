"""The openai SDK, unchanged, against the simulator: what works with the provider works here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openai
import pytest

from tests.simulator.samples import JSON_MODE, MODEL, audio, clip, data_uri, image, picture, text, video
from tests.simulator.servers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.servers import FileServer, Simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=simulator.base_url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


def ask(client: openai.OpenAI, *parts: dict, model: str = MODEL, **fields: object) -> tuple[str, object, str | None]:
    """The text, the usage and the finish reason of a streamed answer."""
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": list(parts)}],
        stream=True,
        stream_options={"include_usage": True},
        **fields,
    )
    answer, usage, reason = "", None, None
    with stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                answer += choice.delta.content or ""
                reason = choice.finish_reason or reason
    return answer, usage, reason


def test_text(client: openai.OpenAI) -> None:
    answer, usage, reason = ask(client, text("Who are you?"))
    assert answer.startswith("Simulated answer")
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert reason == "stop"


def test_pictures_by_url_and_inline(client: openai.OpenAI, files: FileServer) -> None:
    url = files.put("sdk.png", picture(320, 240, "teal", "PNG"), "image/png")
    for reference in (url, data_uri(picture(320, 240, "teal", "PNG"), "image/png")):
        answer, usage, _ = ask(client, image(reference), text("What is this?"))
        assert "320 by 240 pixels, mostly teal" in answer
        assert usage.prompt_tokens_details.image_tokens == 82


def test_sound_and_clips(client: openai.OpenAI) -> None:
    answer, usage, _ = ask(client, audio(), video(data_uri(clip(), "")), text("What is this?"))
    assert "recording of 2.0 seconds" in answer
    assert usage.prompt_tokens_details.audio_tokens == 14
    assert usage.prompt_tokens_details.video_tokens > 2


def test_json_mode(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    answer, _, _ = ask(client, image(), text(f"Answer in JSON that fits {json.dumps(schema)}"), **JSON_MODE)
    assert json.loads(answer).keys() == {"title"}


def test_thinking_through_extra_body(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="qwen3-omni-flash",
        messages=[{"role": "user", "content": "Why?"}],
        stream=True,
        extra_body={"enable_thinking": True},
    )
    with stream:
        deltas = [choice.delta for chunk in stream for choice in chunk.choices]
    assert "".join(delta.model_extra.get("reasoning_content") or "" for delta in deltas).startswith("Simulated")


def test_models_are_listed(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"qwen3.8-omni-flash", "qwen3.5-omni-plus", "qwen3-omni-flash", "qwen-omni-turbo"} <= names


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("throttle_tokens", openai.RateLimitError, "insufficient_quota"),
        ("arrearage", openai.BadRequestError, "Arrearage"),
        ("access_denied", openai.PermissionDeniedError, "Model.AccessDenied"),
        ("server_error", openai.InternalServerError, "internal_error"),
        ("error_in_stream", openai.APIError, "InternalError.Algo"),
    ],
)
def test_errors_become_the_sdks_own(
    simulator: Simulator, client: openai.OpenAI, fault: str, error: type[openai.APIError], code: str
) -> None:
    simulator.direct({"do": {"fault": fault}})
    with pytest.raises(error) as caught:
        ask(client, text("hello"))
    assert caught.value.code == code


def test_a_wrong_key_and_a_wrong_model_become_the_sdks_own(simulator: Simulator, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        ask(client, text("hello"), model="gpt-4o")
    stranger = openai.OpenAI(base_url=simulator.base_url, api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError, match="apikey-error"):
        ask(stranger, text("hello"))


async def test_the_asynchronous_client_works_too(simulator: Simulator) -> None:
    async with openai.AsyncOpenAI(base_url=simulator.base_url, api_key=KEY, max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hello"}], stream=True
        )
        async with stream:
            pieces = [choice.delta.content async for chunk in stream for choice in chunk.choices]
    assert "".join(piece or "" for piece in pieces).startswith("Simulated answer")
