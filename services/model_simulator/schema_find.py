"""Pure: the texts of a prompt in; the JSON Schema that one of them asks the answer to fit out, or None."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A failed attempt reads to the end of the text; prompts are at most some hundred KiB.
_MAX_ATTEMPTS = 200
_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_COMBINERS = ("$ref", "anyOf", "oneOf", "allOf", "enum", "const")


def find_schema(texts: Iterable[str]) -> dict[str, Any] | None:
    """The longest JSON object in the texts that looks like a JSON Schema; the first of equals."""
    best: tuple[int, dict[str, Any] | None] = (0, None)
    for text in texts:
        for length, value in objects_in(text):
            if length > best[0] and looks_like_schema(value):
                best = (length, value)
    return best[1]


def looks_like_schema(value: dict[str, Any]) -> bool:
    """Whether an object declares types or properties rather than being an example of an answer."""
    kind = value.get("type")
    if isinstance(value.get("properties"), dict):
        return True
    if isinstance(kind, str):
        return kind in _TYPES
    if isinstance(kind, list):
        return bool(kind) and all(name in _TYPES for name in kind if isinstance(name, str))
    return "$schema" in value or any(name in value for name in _COMBINERS)


def objects_in(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects that stand in a text, each with its length in characters, without those that are in another."""
    decoder = json.JSONDecoder()
    position, failures = 0, 0
    while failures < _MAX_ATTEMPTS and (start := text.find("{", position)) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position, failures = start + 1, failures + 1
            continue
        position = end
        if isinstance(value, dict):
            yield end - start, value
