"""Pure: a JSON Pointer and a schema or a value in; what it leads to out.

Only names of object members, no array indices: which item of a list is meant nobody knows before there is an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def at(value: object, pointer: str) -> object:
    """What a pointer leads to through objects; None where it leads nowhere."""
    for step in pointer.split("/")[1:]:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def text_at(value: object, pointer: str) -> str:
    """The text that stands there in a result; empty when nothing does."""
    found = at(value, pointer)
    return found.strip() if isinstance(found, str) else ""


def subschema(schema: Mapping[str, Any], pointer: str) -> Mapping[str, Any] | None:
    """What a schema says of that place by `properties` alone; None when it says nothing."""
    found = at(schema, "".join(f"/properties/{step}" for step in pointer.split("/")[1:]))
    return found if isinstance(found, Mapping) else None


def leads_to_text(schema: Mapping[str, Any], pointer: str) -> bool:
    """Whether a pointer leads, by `properties` alone, to what is declared a string."""
    kind = (subschema(schema, pointer) or {}).get("type")
    return kind == "string" or (isinstance(kind, list) and "string" in kind)
