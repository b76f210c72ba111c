"""Pure: the topics' cards and the events' models in, the service as an AsyncAPI 3.0 document out.

The service is the worker: it *receives* requests and retry copies, and *sends* completions, progress, retry copies and
dead letters. Schemas are those of `contracts/schemas`, with their definitions under `components/schemas`; they use
nothing that an AsyncAPI schema object (a superset of JSON Schema draft-07) lacks. The committed copy is
`contracts/asyncapi.json`: `python -m media_contracts.asyncapi > contracts/asyncapi.json`.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib.metadata import version
from typing import Any, Final, Literal

from pydantic.json_schema import models_json_schema

from media_contracts import topics
from media_contracts.schemas import EVENT_MODELS

_SPECIFICATION: Final = "3.0.0"
_KAFKA: Final = "0.5.0"
"""Of the Kafka bindings: asyncapi/bindings, kafka/README.md."""
_RETRIES: Final = tuple(name for name, _ in topics.RETRY_TOPICS)
_COPIES: Final = (*_RETRIES, topics.DEAD_LETTER)
"""Topics that carry other records' bytes."""
_RECEIVED: Final = (topics.REQUESTED, *_RETRIES)
_SENT: Final = (topics.COMPLETED, topics.PROGRESS, *_COPIES)
_ENVELOPE: Final = ("specversion", "type", "id", "source")
_ANY_HEADER: Final = "*"


def build_asyncapi() -> dict[str, Any]:
    """Return the document; it is the same for every worker of a release."""
    cards = topics.load_topic_cards()
    messages = [message for card in cards for message in _messages(card).items()]
    return {
        "asyncapi": _SPECIFICATION,
        "id": "urn:media-analysis",
        "info": {
            "title": "media-analysis",
            "version": version("media-analysis-contracts"),
            "description": "Turns media analysis requests into exactly one priced, traced completion each. Events are "
            "CloudEvents 1.0: binary mode is written; binary mode, structured mode and plain JSON are read.",
        },
        "defaultContentType": "application/json",
        "channels": {card.name: _channel(card) for card in cards},
        "operations": {
            **{f"receive.{name}": _operation("receive", name) for name in _RECEIVED},
            **{f"send.{name}": _operation("send", name) for name in _SENT},
        },
        "components": {"messages": dict(messages), "schemas": _schemas()},
    }


@cache
def format_asyncapi() -> str:
    """Return the text of the document, as it is committed and served."""
    return json.dumps(build_asyncapi(), indent=2, ensure_ascii=False) + "\n"


def _schemas() -> dict[str, Any]:
    """Every event's model and what it refers to, once each, by its name."""
    _, found = models_json_schema(
        [(model, "validation") for model in EVENT_MODELS.values()], ref_template="#/components/schemas/{model}"
    )
    definitions: dict[str, Any] = found["$defs"]
    return definitions


def _channel(card: topics.TopicCard) -> dict[str, Any]:
    channel = {
        "address": card.name,
        "description": card.purpose,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(card)},
        "bindings": {
            "kafka": {
                "topic": card.name,
                "partitions": card.partitions,
                "replicas": card.replication_factor,
                "topicConfiguration": {
                    "cleanup.policy": card.cleanup_policy.split(","),
                    "retention.ms": card.retention_ms,
                    "max.message.bytes": card.max_message_bytes,
                },
                "bindingVersion": _KAFKA,
            }
        },
        "x-producers": list(card.producers),
        "x-consumers": list(card.consumers),
    }
    return channel if card.delay_seconds is None else {**channel, "x-delay-seconds": card.delay_seconds}


def _operation(action: Literal["receive", "send"], name: str) -> dict[str, Any]:
    cards = {card.name: card for card in topics.load_topic_cards()}
    card = cards[name]
    operation = {"action": action, **_all_of(card)}
    if action == "send":
        return operation
    # Every request ends in a completion; what is no request, on the dead-letter topic, is no reply.
    return {**operation, "reply": _all_of(cards[topics.COMPLETED])}


def _all_of(card: topics.TopicCard) -> dict[str, Any]:
    channel = f"#/channels/{card.name}"
    return {
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{message}"} for message in _messages(card)],
    }


def _messages(card: topics.TopicCard) -> dict[str, dict[str, Any]]:
    """The messages of one topic by their names: one, or one for each mode in which requests are read."""
    message = {
        "name": card.name,
        "summary": card.purpose,
        "headers": _headers(card),
        "payload": _payload(card),
        "bindings": {"kafka": {"key": {"type": "string", "description": card.key}, "bindingVersion": _KAFKA}},
    }
    if card.name in _COPIES:
        return {card.name: message}
    message = {
        **message,
        "contentType": "application/json",
        "correlationId": {"location": "$message.payload#/request_id", "description": "the same in every event"},
    }
    if card.name != topics.REQUESTED:
        return {card.name: message}
    return {
        card.name: message,
        f"{card.name}.structured": {
            **message,
            "summary": "A request as a structured CloudEvent: the whole event is the value.",
            "contentType": "application/cloudevents+json",
            "headers": _without_attributes(card),
            "payload": _envelope(card),
            "correlationId": {"location": "$message.payload#/data/request_id"},
        },
        f"{card.name}.plain": {
            **message,
            "summary": f"A request as plain JSON, without ce_* headers; its source is urn:kafka:{card.name}.",
            "headers": _without_attributes(card),
        },
    }


def _payload(card: topics.TopicCard) -> dict[str, Any]:
    if card.event_type is not None:
        return {"$ref": f"#/components/schemas/{EVENT_MODELS[card.event_type].__name__}"}
    if card.name in _RETRIES:
        return {"description": "The bytes of the request, in the mode in which it was sent."}
    return {"description": "The bytes of the original record, whatever they are; null when they lie in the bucket."}


def _headers(card: topics.TopicCard) -> dict[str, Any]:
    """The card's headers, by meaning or constant; those that are not called optional are required."""
    named = {name: meaning for name, meaning in card.headers.items() if name != _ANY_HEADER}
    required = [name for name, meaning in named.items() if _is_required(card, name, meaning)]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _header(name, meaning) for name, meaning in named.items()},
    }
    if _ANY_HEADER in card.headers:
        schema["description"] = f"Besides: {card.headers[_ANY_HEADER]}."
    return {**schema, "required": required} if required else schema


def _is_required(card: topics.TopicCard, name: str, meaning: str) -> bool:
    if card.name == topics.REQUESTED:
        # An event without a content type is read as JSON (media_contracts.cloud_events).
        return name.startswith("ce_") and not meaning.startswith("optional")
    return not meaning.startswith("optional") and not name.startswith(("dead-letter-ref-", "traceparent"))


def _header(name: str, meaning: str) -> dict[str, Any]:
    is_constant = name in {"ce_specversion", "ce_type"} or name.endswith("-format")
    return {"type": "string", "const": meaning} if is_constant else {"type": "string", "description": meaning}


def _without_attributes(card: topics.TopicCard) -> dict[str, Any]:
    named = {name: text for name, text in card.headers.items() if not name.startswith("ce_")}
    return {"type": "object", "properties": {name: _header(name, text) for name, text in named.items()}}


def _envelope(card: topics.TopicCard) -> dict[str, Any]:
    attributes = {name.removeprefix("ce_"): text for name, text in card.headers.items() if name.startswith("ce_")}
    properties = {name: _header(f"ce_{name}", text) for name, text in attributes.items()}
    return {
        "type": "object",
        "properties": {**properties, "data": _payload(card)},
        "required": [*_ENVELOPE, "data"],
    }


def main() -> int:
    """Print the document."""
    sys.stdout.write(format_asyncapi())
    return 0


if __name__ == "__main__":
    sys.exit(main())
