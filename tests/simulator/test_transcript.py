"""The event stream chunk for chunk, against the transcripts that seed S1 prints (its typing errors corrected)."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import orjson

from tests.simulator.samples import body, events, text, text_of

if TYPE_CHECKING:
    from tests.simulator.servers import Simulator

# Seed S1, the sample with a spoken answer: first piece, a piece of audio, finish, usage.
SPOKEN = [
    '{"choices":[{"delta":{"content":"我"},"finish_reason":null,"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1757647879,"system_fingerprint":null,"model":"qwen3.5-omni-plus","id":"chatcmpl-a68eca3b-c67e-4666-a72f-73c0b4919860"}',
    '{"choices":[{"delta":{"audio":{"data":"/v8AAAAAAAAAAAAAAA...","expires_at":1757647879,"id":"audio_a68eca3b-c67e-4666-a72f-73c0b4919860"}},"finish_reason":null,"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1757647879,"system_fingerprint":null,"model":"qwen3.5-omni-plus","id":"chatcmpl-a68eca3b-c67e-4666-a72f-73c0b4919860"}',
    '{"choices":[{"finish_reason":"stop","delta":{"content":""},"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1764763585,"system_fingerprint":null,"model":"qwen3.5-omni-plus","id":"chatcmpl-e8c82e9e-073e-4289-a786-a20eb444ac9c"}',
    '{"choices":[],"object":"chat.completion.chunk","usage":{"prompt_tokens":207,"completion_tokens":103,"total_tokens":310,"completion_tokens_details":{"audio_tokens":83,"text_tokens":20},"prompt_tokens_details":{"text_tokens":207}},"created":1757940330,"system_fingerprint":null,"model":"qwen3.5-omni-plus","id":"chatcmpl-9cdd5a26-f9e9-4eff-9dcc-93a878165afc"}',
]
# Seed S1, the sample of a thinking model: role, reasoning, answer, finish, usage.
THOUGHT = [
    '{"choices":[{"delta":{"content":null,"role":"assistant","reasoning_content":""},"index":0,"logprobs":null,"finish_reason":null}],"object":"chat.completion.chunk","usage":null,"created":1757937336,"system_fingerprint":null,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d6fe5-e717-4b7e-8b40-3aef12288d4c"}',
    '{"choices":[{"delta":{"content":null,"reasoning_content":","},"finish_reason":null,"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1757937336,"system_fingerprint":null,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d6fe5-e717-4b7e-8b40-3aef12288d4c"}',
    '{"choices":[{"delta":{"content":"告訴我"},"finish_reason":null,"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1757937336,"system_fingerprint":null,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d6fe5-e717-4b7e-8b40-3aef12288d4c"}',
    '{"choices":[{"finish_reason":"stop","delta":{"content":"","reasoning_content":null},"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1757937336,"system_fingerprint":null,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d6fe5-e717-4b7e-8b40-3aef12288d4c"}',
    '{"choices":[],"object":"chat.completion.chunk","usage":{"prompt_tokens":11,"completion_tokens":363,"total_tokens":374,"completion_tokens_details":{"reasoning_tokens":195,"text_tokens":168},"prompt_tokens_details":{"text_tokens":11}},"created":1757937336,"system_fingerprint":null,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d6fe5-e717-4b7e-8b40-3aef12288d4c"}',
]
# S1's own question, in the seed's characters.
QUESTION = "你是誰?"


def shape(value: Any) -> Any:
    """Keys in their order, and the kind of each value."""
    match value:
        case dict():
            return [(key, shape(inner)) for key, inner in value.items()]
        case list():
            return [shape(inner) for inner in value]
        case int() | str() | None:
            return type(value).__name__
        case _:
            return value


def ordered_shapes(chunks: list[dict[str, Any]]) -> list[Any]:
    """The shapes in the order of their first appearance; the order of a choice's own keys differs within S1."""
    result: list[Any] = []
    for chunk in chunks:
        for choice in chunk["choices"]:
            chunk["choices"] = [dict(sorted(choice.items()))]
        if shape(chunk) not in result:
            result.append(shape(chunk))
    return result


def test_a_spoken_answer_has_the_chunks_of_the_seeds_transcript(simulator: Simulator) -> None:
    response = simulator.ask(
        body(text(QUESTION), modalities=["text", "audio"], audio={"voice": "Tina", "format": "wav"})
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert ordered_shapes(events(response.content)) == ordered_shapes([orjson.loads(line) for line in SPOKEN])


def test_a_thinking_answer_has_the_chunks_of_the_seeds_transcript(simulator: Simulator) -> None:
    response = simulator.ask(body(text(QUESTION), model="qwen3-omni-flash", modalities=["text"], enable_thinking=True))
    chunks = events(response.content)
    assert ordered_shapes(chunks) == ordered_shapes([orjson.loads(line) for line in THOUGHT])
    assert text_of(chunks, "reasoning_content")
    assert "Simulated answer" in text_of(chunks)


def test_the_seeds_question_costs_what_the_seed_says(simulator: Simulator) -> None:
    plain = events(simulator.ask(body(text(QUESTION))).content)[-1]["usage"]
    spoken = body(text(QUESTION), modalities=["text", "audio"], audio={"voice": "Tina", "format": "wav"})
    assert plain["prompt_tokens"] == 11
    assert events(simulator.ask(spoken).content)[-1]["usage"]["prompt_tokens"] == 207


def test_every_chunk_of_a_call_has_the_same_id_and_time(simulator: Simulator) -> None:
    chunks = events(simulator.ask(body()).content)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert chunks[0]["id"] == simulator.last_call()["id"]


def test_usage_comes_only_when_asked_for_and_only_in_the_last_chunk(simulator: Simulator) -> None:
    asked = events(simulator.ask(body()).content)
    assert [bool(chunk["usage"]) for chunk in asked] == [False] * (len(asked) - 1) + [True]
    assert asked[-1]["choices"] == []
    for options in (None, {"include_usage": False}):
        chunks = events(simulator.ask(body(stream_options=options)).content)
        assert not any(chunk["usage"] for chunk in chunks)
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_speech_is_pcm_without_a_header(simulator: Simulator) -> None:
    chunks = events(simulator.ask(body(modalities=["text", "audio"], audio={"voice": "Tina", "format": "wav"})).content)
    pieces = [
        c["choices"][0]["delta"]["audio"]["data"]
        for c in chunks
        if c["choices"] and "audio" in c["choices"][0]["delta"]
    ]
    sound = b"".join(b64decode(piece) for piece in pieces)
    assert not sound.startswith(b"RIFF")
    seconds = len(sound) / 2 / 24_000
    usage = chunks[-1]["usage"]
    assert usage["completion_tokens_details"]["audio_tokens"] == -(-seconds * 12.5 // 1)
    details = usage["completion_tokens_details"]
    assert usage["completion_tokens"] == details["audio_tokens"] + details["text_tokens"]


def test_a_model_that_need_not_stream_answers_in_one_piece(simulator: Simulator) -> None:
    response = simulator.ask(body(model="qwen3.8-omni-flash", stream=False))
    document = response.json()
    assert document["object"] == "chat.completion"
    assert document["choices"][0]["message"].keys() == {"role", "content", "reasoning_content", "refusal", "audio"}
    assert document["usage"]["total_tokens"] > 0


def test_reasoning_is_part_of_the_text_for_one_family_and_beside_it_for_another(simulator: Simulator) -> None:
    """CHAT says that text_tokens includes reasoning; S1's sample of 3-omni-flash adds the two up."""
    inside = events(simulator.ask(body(model="qwen3.8-omni-flash")).content)[-1]["usage"]
    beside = events(simulator.ask(body(model="qwen3-omni-flash", enable_thinking=True)).content)[-1]["usage"]
    details = inside["completion_tokens_details"]
    assert details["text_tokens"] == inside["completion_tokens"] > details["reasoning_tokens"] > 0
    details = beside["completion_tokens_details"]
    assert details["text_tokens"] + details["reasoning_tokens"] == beside["completion_tokens"]


def spoken(simulator: Simulator, words: str) -> tuple[str, bytes, dict[str, Any]]:
    """Text, sound and output details of an answer to an order to read."""
    order = text(f"Read the text aloud, word for word.\n<text>\n{words}\n</text>")
    fields = {"modalities": ["text", "audio"], "audio": {"voice": "Cherry", "format": "wav"}}
    chunks = events(simulator.ask(body(order, model="qwen-omni-turbo", **fields)).content)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    sound = b"".join(b64decode(delta["audio"]["data"]) for delta in deltas if "audio" in delta)
    return text_of(chunks), sound, chunks[-1]["usage"]["completion_tokens_details"]


def test_what_is_to_be_read_aloud_is_read_and_its_sound_is_as_long_as_the_text(simulator: Simulator) -> None:
    for words in ("小羊羔", "The film shows a harbour, in the rain.\nTwice.", "a" * 200):
        said, sound, details = spoken(simulator, words)
        assert said == words
        assert len(sound) / 2 / 24_000 == len(words) / 5
        assert details["audio_tokens"] == -(-len(words) * 25 // 5)  # turbo: 25 tokens a second


def test_two_texts_do_not_sound_alike_and_neither_is_silent(simulator: Simulator) -> None:
    one, other = (spoken(simulator, words)[1] for words in ("left", "right"))
    assert one[: len(other)] != other[: len(one)]
    assert any(one)
    assert any(other)
    assert not any(spoken(simulator, "... ,,")[1])
