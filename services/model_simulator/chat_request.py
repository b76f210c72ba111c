"""Pure: the bytes of a chat-completions request in; a typed request out, or the refusal of its shape.

Unknown top-level fields are kept in `fields` and ignored, as the provider ignores them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from model_simulator.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_simulator.rule_table import Model, RuleTable

MediaKind = Literal["image", "audio", "video", "frames"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A media part: one reference, or for `frames` the list; the options stand beside it, not inside (CHAT)."""

    kind: MediaKind
    references: tuple[str, ...]
    options: dict[str, Any]


Part = Text | Media


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn."""

    role: str
    parts: tuple[Part, ...]

    def texts(self) -> Iterator[str]:
        """The text of every text part."""
        return (part.text for part in self.parts if isinstance(part, Text))

    def media(self) -> Iterator[Media]:
        """Every media part, in order."""
        return (part for part in self.parts if isinstance(part, Media))


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """A request whose shape is right; `fields` are the top-level fields other than the messages."""

    model: Model
    model_name: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    thinking: bool
    speech: bool
    fields: dict[str, Any]

    def texts(self) -> list[str]:
        """Every text of every message, in order."""
        return [text for message in self.messages for text in message.texts()]

    def media(self) -> list[Media]:
        """Every media part of every message, in order."""
        return [media for message in self.messages for media in message.media()]

    @property
    def searches(self) -> bool:
        """Whether the model may search the web for its answer."""
        return self.fields.get("enable_search") is True

    def response_format(self) -> str:
        """`text`, `json_object` or `json_schema`; other values come as they are."""
        form = self.fields.get("response_format") or {"type": "text"}
        return str(form.get("type")) if isinstance(form, dict) else str(form)

    def response_schema(self) -> dict[str, Any] | None:
        """The schema that came beside the messages, when one did."""
        form = self.fields.get("response_format")
        given = form.get("json_schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None
        schema = given.get("schema") if isinstance(given, dict) else None
        return schema if isinstance(schema, dict) else None


def load_body(body: bytes | bytearray, rules: RuleTable) -> dict[str, Any]:
    """Parse the JSON object; anything else is refused."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise refuse(rules, "body") from None
    if not isinstance(document, dict):
        raise refuse(rules, "body")
    return document


def read_request(document: dict[str, Any], rules: RuleTable) -> ChatRequest:
    """Give a parsed body its types; raises `Refused` for a missing or unknown model and for malformed messages."""
    name = document.get("model")
    if not isinstance(name, str) or not name:
        raise refuse(rules, "no_model")
    model = rules.models.get(name)
    if model is None:
        raise refuse(rules, "unknown_model", model=name)
    fields = {key: value for key, value in document.items() if key != "messages"}
    options = fields.get("stream_options")
    modalities = fields.get("modalities") or ["text"]
    return ChatRequest(
        model=model,
        model_name=name,
        messages=_messages(document.get("messages"), rules),
        stream=fields.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        thinking=_thinks(model, fields),
        speech=isinstance(modalities, list) and "audio" in modalities,
        fields=fields,
    )


def _thinks(model: Model, fields: dict[str, Any]) -> bool:
    match model.thinking:
        case "none":
            return False
        case "switch":
            return fields.get("enable_thinking") is True
        case "on":
            return fields.get("enable_thinking") is not False and fields.get("reasoning_effort") != "none"


def _messages(value: Any, rules: RuleTable) -> tuple[Message, ...]:
    if not isinstance(value, list):
        raise refuse(rules, "body")
    if not value:
        raise refuse(rules, "messages_empty")
    messages = tuple(_message(entry, rules) for entry in value)
    if not any(message.role == "user" for message in messages):
        raise refuse(rules, "no_user")
    if messages[-1].role != "user":
        raise refuse(rules, "last_not_user")
    return messages


def _message(entry: Any, rules: RuleTable) -> Message:
    if not isinstance(entry, dict) or not isinstance(entry.get("role"), str):
        raise refuse(rules, "body")
    role, content = entry["role"], entry.get("content")
    if isinstance(content, str):
        return Message(role=role, parts=(Text(text=content),))
    if content is None and role == "assistant":
        return Message(role=role, parts=())
    if not isinstance(content, list):
        raise refuse(rules, "body")
    parts = tuple(_part(part, rules) for part in content)
    if role != "user" and any(isinstance(part, Media) for part in parts):
        raise refuse(rules, "part_type")  # S1 to S3: assistant messages carry text only
    return Message(role=role, parts=parts)


def _part(part: Any, rules: RuleTable) -> Part:
    if not isinstance(part, dict):
        raise refuse(rules, "part_type")
    options = {key: part[key] for key in ("min_pixels", "max_pixels", "total_pixels", "fps") if key in part}
    match part:
        case {"type": "text", "text": str() as text}:
            return Text(text=text)
        case {"type": "image_url", "image_url": {"url": str() as url}}:
            return Media(kind="image", references=(url,), options=options)
        case {"type": "input_audio", "input_audio": {"data": str() as url}}:
            return Media(kind="audio", references=(url,), options=options)
        case {"type": "video_url", "video_url": {"url": str() as url}}:
            return Media(kind="video", references=(url,), options=options)
        case {"type": "video", "video": [*urls]} if all(isinstance(url, str) for url in urls):
            return Media(kind="frames", references=tuple(urls), options=options)
        case _:
            raise refuse(rules, "part_type")
