"""Pure: messages, media parts and parameters in, the body of one chat/completions call out, as segments and holes.

The shapes are provider.md §2; a test compares them key by key with the samples of the seeds. Everything streams
(`stream` is forced for most models, and one code path serves all: provider.md §1d).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, assert_never

import orjson

from analysis_worker.errors import ParameterInvalid
from analysis_worker.prompt import MediaSlot, Message, TextPart
from analysis_worker.provider.byte_pipe import MediaHole, RequestBody, encoded_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MediaKind = Literal["image", "audio", "video", "frames"]

_OBJECT: Final = "json_object"


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlSource:
    """Media that the provider fetches itself."""

    # A presigned URL is a secret for as long as it lives (law 9).
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class InlineSource:
    """Media that is sent in the body, `size_bytes` before base64."""

    content_type: str
    size_bytes: int


Source = UrlSource | InlineSource


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePart:
    """One picture; pixel bounds are areas in pixels, and siblings of `image_url` on the wire (CHAT)."""

    source: Source
    min_pixels: int | None = None
    max_pixels: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioPart:
    """One sound; `format` (mp3, wav, …) is listed as required (CHAT), yet samples leave it out."""

    source: Source
    format: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoPart:
    """One film file, picture and sound; pixel bounds are per frame and in total."""

    source: Source
    fps: float | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    total_pixels: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FramesPart:
    """A film as a list of pictures; `fps` tells how far apart they were taken."""

    sources: tuple[Source, ...]
    fps: float | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    total_pixels: int | None = None


MediaPart = ImagePart | AudioPart | VideoPart | FramesPart


@dataclass(frozen=True, kw_only=True, slots=True)
class CallParameters:
    """The fields beside `messages`; None is not sent, and the model's own default holds.

    Which of them a model takes is for its card to say. `json_schema` is `{name, schema, strict}` and takes the place
    of `json_mode`, and of the schema in the messages. `voice` asks for a spoken answer as well.
    """

    model: str
    json_mode: bool = False
    json_schema: Mapping[str, object] | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    presence_penalty: float | None = None
    enable_thinking: bool | None = None
    reasoning_effort: str | None = None
    thinking_budget: int | None = None
    search: bool = False
    voice: str | None = None
    vl_high_resolution_images: bool | None = None


def build_body(*, messages: Sequence[Message], media: Sequence[MediaPart], parameters: CallParameters) -> RequestBody:
    """Return the body; `media[i]` fills `MediaSlot(index=i)`.

    Raises `ParameterInvalid` for parameters that exclude each other (the provider answers 400).
    """
    document: dict[str, object] = {
        "model": parameters.model,
        "messages": [{"role": message.role, "content": _content(message, media, parameters)} for message in messages],
        **_fields(parameters),
    }
    segments: list[bytes | MediaHole] = []
    _write(document, segments)
    return RequestBody(segments=_joined(segments))


def data_uri_prefix(kind: MediaKind, content_type: str) -> str:
    """Return what stands before the base64: pictures name their type, sound and film do not (S0 to S3)."""
    return f"data:{content_type};base64," if kind in {"image", "frames"} else "data:;base64,"


def data_uri_length(kind: MediaKind, source: InlineSource) -> int:
    """Return the length of the data URI, which the provider bounds per item (provider.md §1b)."""
    return len(data_uri_prefix(kind, source.content_type)) + encoded_length(source.size_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class _DataUri:
    """A JSON string whose end is a hole."""

    prefix: str
    hole: MediaHole


def _fields(parameters: CallParameters) -> dict[str, object]:
    if parameters.reasoning_effort is not None and parameters.thinking_budget is not None:
        raise ParameterInvalid(
            f"reasoning effort {parameters.reasoning_effort!r} and a budget of {parameters.thinking_budget} tokens "
            "exclude each other; ask for one of them"
        )
    fields: dict[str, object | None] = {
        "modalities": ["text"] if parameters.voice is None else ["text", "audio"],
        "audio": None if parameters.voice is None else {"voice": parameters.voice, "format": "wav"},
        "stream": True,
        # Without it there is no usage, and usage is what this product is about (CHAT).
        "stream_options": {"include_usage": True},
        "response_format": _response_format(parameters),
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "seed": parameters.seed,
        "max_tokens": parameters.max_tokens,
        "presence_penalty": parameters.presence_penalty,
        "enable_thinking": parameters.enable_thinking,
        "reasoning_effort": parameters.reasoning_effort,
        "thinking_budget": parameters.thinking_budget,
        "enable_search": True if parameters.search else None,
        # The only strategy that the Omni models know (S1, CHAT).
        "search_options": {"search_strategy": "agent"} if parameters.search else None,
        "vl_high_resolution_images": parameters.vl_high_resolution_images,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _response_format(parameters: CallParameters) -> Mapping[str, object] | None:
    if parameters.json_schema is not None:
        return {"type": "json_schema", "json_schema": dict(parameters.json_schema)}
    return {"type": _OBJECT} if parameters.json_mode else None


def _content(message: Message, media: Sequence[MediaPart], parameters: CallParameters) -> object:
    # One text is sent as a plain string, as the samples do; both forms mean the same (provider.md §2a).
    if len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
        return _said(message.parts[0], parameters)
    return [_part(part, media, parameters) for part in message.parts]


def _said(part: TextPart, parameters: CallParameters) -> str:
    if parameters.json_schema is None or part.beside_schema is None:
        return part.text
    return part.beside_schema


def _part(part: TextPart | MediaSlot, media: Sequence[MediaPart], parameters: CallParameters) -> Mapping[str, object]:
    match part:
        case TextPart():
            return {"type": "text", "text": _said(part, parameters)}
        case MediaSlot():
            return _media_part(media[part.index], part.index)
        case _:
            assert_never(part)


def _media_part(part: MediaPart, index: int) -> Mapping[str, object]:
    match part:
        case ImagePart():
            pixels = _given(min_pixels=part.min_pixels, max_pixels=part.max_pixels)
            return {"type": "image_url", "image_url": {"url": _url("image", part.source, index)}, **pixels}
        case AudioPart():
            audio = {"data": _url("audio", part.source, index), **_given(format=part.format)}
            return {"type": "input_audio", "input_audio": audio}
        case VideoPart():
            return {"type": "video_url", "video_url": {"url": _url("video", part.source, index)}, **_sampling(part)}
        case FramesPart():
            urls = [_url("frames", source, index, number) for number, source in enumerate(part.sources)]
            return {"type": "video", "video": urls, **_sampling(part)}
        case _:
            assert_never(part)


def _sampling(part: VideoPart | FramesPart) -> dict[str, object]:
    return _given(fps=part.fps, min_pixels=part.min_pixels, max_pixels=part.max_pixels, total_pixels=part.total_pixels)


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _url(kind: MediaKind, source: Source, index: int, part: int = 0) -> str | _DataUri:
    match source:
        case UrlSource():
            return source.url
        case InlineSource():
            hole = MediaHole(index=index, part=part, size_bytes=source.size_bytes)
            return _DataUri(prefix=data_uri_prefix(kind, source.content_type), hole=hole)
        case _:
            assert_never(source)


def _write(value: object, out: list[bytes | MediaHole]) -> None:
    """Append the JSON of a value; written by hand so that no text of a request can be taken for a hole."""
    match value:
        case _DataUri():
            out += [_json(value.prefix)[:-1], value.hole, b'"']
        case dict():
            for number, (name, inner) in enumerate(value.items()):
                out.append((b"," if number else b"{") + _json(name) + b":")
                _write(inner, out)
            out.append(b"}" if value else b"{}")
        case list():
            for number, inner in enumerate(value):
                out.append(b"," if number else b"[")
                _write(inner, out)
            out.append(b"]" if value else b"[]")
        case _:
            out.append(_json(value))


def _json(value: object) -> bytes:
    if isinstance(value, str):
        # A lone surrogate is legal in a JSON escape of the request and has no UTF-8; it becomes U+FFFD.
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return orjson.dumps(value)


def _joined(segments: list[bytes | MediaHole]) -> tuple[bytes | MediaHole, ...]:
    """Return the segments with neighbouring bytes put together: few writes, few chunks."""
    joined: list[bytes | MediaHole] = []
    held: list[bytes] = []
    for segment in segments:
        if isinstance(segment, MediaHole):
            joined += [b"".join(held), segment]
            held = []
        else:
            held.append(segment)
    return (*joined, b"".join(held))
