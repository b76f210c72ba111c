import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.errors import ParameterInvalid
from analysis_worker.prompt import MediaSlot, Message, TextPart, build_messages
from analysis_worker.provider.byte_pipe import MediaHole
from analysis_worker.provider.request_body import (
    AudioPart,
    CallParameters,
    FramesPart,
    ImagePart,
    InlineSource,
    UrlSource,
    VideoPart,
    build_body,
    data_uri_length,
    data_uri_prefix,
)

# Every request body of the seeds (curl as it stands, Python as the SDK sends it; {name} is the base64 of a file).
# 003 reaches the documentation's files through a rewriting proxy: its host names are given here as they are in 002.
SAMPLES = json.loads((Path(__file__).parent / "seed_samples.json").read_text(encoding="utf-8"))
MEDIA = b"\x00\xff the bytes of some file"
USER = "user"


async def sent(body, media=MEDIA):
    async def open_media(hole: MediaHole):
        yield media

    wire = b"".join([chunk async for chunk in body.chunks(open_media)])
    assert len(wire) == body.content_length
    return json.loads(wire)


def source_of(url):
    inline = re.fullmatch(r"data:(.*?);base64,\{\w+\}", url)
    return InlineSource(content_type=inline[1], size_bytes=len(MEDIA)) if inline else UrlSource(url=url)


def part_of(part):
    match part["type"]:
        case "image_url":
            return ImagePart(source=source_of(part["image_url"]["url"]))
        case "input_audio":
            audio = part["input_audio"]
            return AudioPart(source=source_of(audio["data"]), format=audio.get("format"))
        case "video_url":
            return VideoPart(source=source_of(part["video_url"]["url"]))
        case "video":
            return FramesPart(sources=tuple(source_of(url) for url in part["video"]))


def ours(sample):
    """The sample's meaning in our values."""
    messages, media = [], []
    for message in sample["messages"]:
        content, parts = message["content"], []
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                parts.append(TextPart(text=part["text"]))
            else:
                parts.append(MediaSlot(index=len(media)))
                media.append(part_of(part))
        messages.append(Message(role=message["role"], parts=tuple(parts)))
    return {
        "messages": messages,
        "media": media,
        "parameters": CallParameters(
            model=sample["model"],
            json_mode="response_format" in sample,
            enable_thinking=sample.get("enable_thinking"),
            search=sample.get("enable_search", False),
            voice=sample.get("audio", {}).get("voice"),
        ),
    }


def expected(sample):
    """The sample as we send it; every departure is listed here."""
    text = json.dumps(sample, ensure_ascii=False)
    text = re.sub(r"\{(base64_\w+|b64)\}", base64.b64encode(MEDIA).decode(), text)
    # 004 names the type of a film; 001, 002 and 003, the provider's own pages, do not.
    sample = json.loads(text.replace("data:video/mp4;base64,", "data:;base64,"))
    for message in sample["messages"]:
        content = message["content"]
        # One text alone: string and list mean the same (provider.md §2a), and the seeds use both.
        if isinstance(content, list) and len(content) == 1 and content[0]["type"] == "text":
            message["content"] = content[0]["text"]
    # 004 leaves both out, 001's search sample the first: the default is written out, and usage is always asked for.
    return {"modalities": ["text"], "stream_options": {"include_usage": True}, **sample}


def leaves(value, path=""):
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample['source'][:3]}-{sample['line']}")
async def test_a_body_equals_the_sample_of_the_seed_key_by_key(sample):
    found = await sent(build_body(**ours(sample["body"])))
    assert sorted(leaves(found), key=str) == sorted(leaves(expected(sample["body"])), key=str)


def test_the_samples_cover_every_seed_and_every_kind_of_part():
    assert {sample["source"][:3] for sample in SAMPLES} == {"000", "001", "002", "003", "004"}
    text = json.dumps(SAMPLES)
    for kind in ("image_url", "input_audio", "video_url", '"video"', "response_format", "enable_thinking", "voice"):
        assert kind in text
    assert len(SAMPLES) == 43


async def test_the_product_video_call_of_the_seed_as_the_worker_makes_it():
    sample = next(sample["body"] for sample in SAMPLES if "response_format" in sample["body"])
    messages = build_messages(
        prompt=sample["messages"][0]["content"], schema_text='{"type":"object"}', kinds=["video"], instruction="Los."
    )
    body = build_body(
        messages=messages,
        media=[VideoPart(source=UrlSource(url="https://your-bucket.oss-cn-shanghai.aliyuncs.com/signed"))],
        parameters=CallParameters(model=sample["model"], json_mode=True, presence_penalty=0),
    )
    found = await sent(body)
    assert found["messages"][0]["role"] == "system"
    assert found["messages"][0]["content"].startswith(sample["messages"][0]["content"])
    assert found["messages"][1]["content"][0] == sample["messages"][1]["content"][0]
    for key in ("model", "response_format", "stream"):
        assert found[key] == sample[key]
    assert set(found) - set(sample) == {"modalities", "stream_options", "presence_penalty"}


async def test_pixel_and_sampling_parameters_stand_beside_the_media_and_not_inside():
    url = UrlSource(url="https://x.example/a")
    media = [
        ImagePart(source=url, min_pixels=1, max_pixels=2),
        VideoPart(source=url, fps=1.5, min_pixels=3, max_pixels=4, total_pixels=5),
        FramesPart(sources=(url, url), fps=2.0, max_pixels=6),
    ]
    message = Message(role=USER, parts=tuple(MediaSlot(index=n) for n in range(3)))
    found = await sent(build_body(messages=[message], media=media, parameters=CallParameters(model="m")))
    assert found["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": url.url}, "min_pixels": 1, "max_pixels": 2},
        {"type": "video_url", "video_url": {"url": url.url}, "fps": 1.5, "min_pixels": 3, "max_pixels": 4, "total_pixels": 5},
        {"type": "video", "video": [url.url, url.url], "fps": 2.0, "max_pixels": 6},
    ]  # fmt: skip


async def test_every_parameter_has_its_field_and_an_unset_one_none():
    message = Message(role=USER, parts=(TextPart(text="hi"),))

    async def fields(**given):
        found = await sent(build_body(messages=[message], media=[], parameters=CallParameters(model="m", **given)))
        return {key: value for key, value in found.items() if key not in {"model", "messages"}}

    plain = {"modalities": ["text"], "stream": True, "stream_options": {"include_usage": True}}
    assert await fields() == plain
    numbers = {"temperature": 0.0, "top_p": 0.8, "seed": 7, "max_tokens": 100, "presence_penalty": 0.0}
    assert await fields(**numbers) == plain | numbers
    assert await fields(enable_thinking=False) == plain | {"enable_thinking": False}
    assert await fields(reasoning_effort="none") == plain | {"reasoning_effort": "none"}
    assert await fields(thinking_budget=9) == plain | {"thinking_budget": 9}
    assert await fields(vl_high_resolution_images=True) == plain | {"vl_high_resolution_images": True}
    schema = {"name": "x", "schema": {"type": "object"}, "strict": True}
    assert (await fields(json_schema=schema))["response_format"] == {"type": "json_schema", "json_schema": schema}
    spoken = await fields(voice="Tina")
    assert (spoken["modalities"], spoken["audio"]) == (["text", "audio"], {"voice": "Tina", "format": "wav"})


def test_effort_and_budget_of_reasoning_exclude_each_other():
    with pytest.raises(ParameterInvalid, match="'low' and a budget of 100"):
        build_body(
            messages=[], media=[], parameters=CallParameters(model="m", reasoning_effort="low", thinking_budget=100)
        )


# One kind of lone surrogate, so that no two make a pair.
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\ud800\u2028\ufeff'), max_size=20)
SOURCE = st.builds(UrlSource, url=st.text(st.characters(exclude_categories=["Cs"]), max_size=20)) | st.builds(
    InlineSource, content_type=st.sampled_from(["image/png", "image/jpeg"]), size_bytes=st.just(len(MEDIA))
)
PART = (
    st.builds(ImagePart, source=SOURCE, max_pixels=st.none() | st.integers(1, 9))
    | st.builds(AudioPart, source=SOURCE, format=st.none() | st.just("mp3"))
    | st.builds(VideoPart, source=SOURCE, fps=st.none() | st.just(2.0))
    | st.builds(FramesPart, sources=st.lists(SOURCE, max_size=3).map(tuple))
)


@given(texts=st.lists(TEXT, max_size=3), media=st.lists(PART, max_size=4))
async def test_any_text_and_media_make_a_body_that_is_json_of_the_length_it_declares(texts, media):
    parts = [*(TextPart(text=text) for text in texts), *(MediaSlot(index=n) for n in range(len(media)))]
    body = build_body(
        messages=[Message(role=USER, parts=tuple(parts))], media=media, parameters=CallParameters(model="m")
    )
    content = (await sent(body))["messages"][0]["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    said = [part["text"] for part in content if part["type"] == "text"]
    assert said == [re.sub("[\ud800-\udfff]", "\ufffd", text) for text in texts]
    sources = [source for part in media for source in (part.sources if hasattr(part, "sources") else (part.source,))]
    inline = sum(isinstance(source, InlineSource) for source in sources)
    assert len(body.holes) == inline
    assert json.dumps(content).count(base64.b64encode(MEDIA).decode()) == inline


def test_the_holes_say_which_file_goes_where():
    still = InlineSource(content_type="image/jpeg", size_bytes=3)
    media = [ImagePart(source=still), FramesPart(sources=(still, UrlSource(url="https://x.example/b"), still))]
    message = Message(role=USER, parts=(MediaSlot(index=1), MediaSlot(index=0)))
    body = build_body(messages=[message], media=media, parameters=CallParameters(model="m"))
    assert [(hole.index, hole.part) for hole in body.holes] == [(1, 0), (1, 2), (0, 0)]


def test_a_data_uri_is_as_long_as_it_says():
    source = InlineSource(content_type="image/png", size_bytes=10)
    assert data_uri_length("image", source) == len("data:image/png;base64," + base64.b64encode(b"x" * 10).decode())
    assert [data_uri_prefix(kind, "a/b") for kind in ("image", "audio", "video", "frames")] == [
        "data:a/b;base64,", "data:;base64,", "data:;base64,", "data:a/b;base64,",
    ]  # fmt: skip


def test_urls_and_texts_show_in_no_repr():
    part = ImagePart(source=UrlSource(url="https://x.example/a?X-Amz-Signature=secret"))
    message = Message(role=USER, parts=(MediaSlot(index=0), TextPart(text="secret")))
    body = build_body(messages=[message], media=[part], parameters=CallParameters(model="m"))
    assert "secret" not in repr([part, message, body])
