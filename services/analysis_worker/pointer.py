"""Pure: a JSON Pointer and a schema or a value in; whether it leads to a text, and that text, out.

Only names of object members, no array indices: which item of a list is meant nobody knows before there is an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def leads_to_text(schema: Mapping[str, Any], pointer: str) -> bool:
    """Whether a pointer leads, by `properties` alone, to what is declared a string."""
    for step in pointer.split("/")[1:]:
        properties = schema.get("properties")
        inner = properties.get(step) if isinstance(properties, Mapping) else None
        if not isinstance(inner, Mapping):
            return False
        schema = inner
    kind = schema.get("type")
    return kind == "string" or (isinstance(kind, list) and "string" in kind)


def text_at(value: object, pointer: str) -> str:
    """Return the text that stands there in a result; empty when nothing does."""
    for step in pointer.split("/")[1:]:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value.strip() if isinstance(value, str) else ""
