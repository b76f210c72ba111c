"""Pure: colours, sizes and seconds in; media bytes, content parts and request bodies out."""

from __future__ import annotations

import io
import math
import wave
from array import array
from base64 import b64encode
from functools import cache
from typing import Any

import av
import orjson
from PIL import Image

MODEL = "qwen3.5-omni-plus"


@cache
def picture(width: int = 64, height: int = 48, colour: str = "orange", form: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, form)
    return buffer.getvalue()


@cache
def recording(seconds: float = 2.0, amplitude: int = 8000) -> bytes:
    rate = 8000
    values = (round(amplitude * math.sin(2 * math.pi * 440 * index / rate)) for index in range(int(rate * seconds)))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", values).tobytes())
    return buffer.getvalue()


@cache
def clip(seconds: float = 2.0, width: int = 64, height: int = 48, colour: str = "blue") -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_image(Image.new("RGB", (width, height), colour))
        for index in range(round(seconds * 10)):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def data_uri(data: bytes, content_type: str = "image/jpeg") -> str:
    return f"data:{content_type};base64,{b64encode(data).decode()}"


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def image(url: str | None = None, **options: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url or data_uri(picture())}, **options}


def audio(url: str | None = None, form: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": url or data_uri(recording(), ""), "format": form}}


def video(url: str | None = None, **options: Any) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url or data_uri(clip(), "")}, **options}


def frames(*urls: str, **options: Any) -> dict[str, Any]:
    return {"type": "video", "video": list(urls), **options}


def body(*parts: dict[str, Any], model: str = MODEL, system: str | None = None, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": list(parts) or [text("What is this?")]})
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": model, "messages": messages, **stream, **fields}


JSON_MODE = {"response_format": {"type": "json_object"}}


def events(content: bytes) -> list[dict[str, Any]]:
    """The chunks of an event stream that ends as it should."""
    lines = [line for line in content.decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    return [orjson.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def text_of(chunks: list[dict[str, Any]], key: str = "content") -> str:
    return "".join(choice["delta"].get(key) or "" for chunk in chunks for choice in chunk["choices"])
