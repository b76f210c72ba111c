"""Pure: a JSON Schema in; the place of the first object that strict mode does not take out, or None."""

from __future__ import annotations

from typing import Any

# Under these stand values or names, not schemas.
_VALUES = {"enum", "const", "default", "examples", "required", "type", "description"}
_BY_NAME = {"properties", "$defs", "definitions", "patternProperties"}


def open_object(schema: Any, path: str = "") -> str | None:
    """Strict mode wants every object closed, and all of its properties required (platform.openai.com)."""
    if isinstance(schema, list):
        inner = enumerate(schema)
        return next((found for n, one in inner if (found := open_object(one, f"{path}/{n}")) is not None), None)
    if not isinstance(schema, dict):
        return None
    if "properties" in schema or "object" in str(schema.get("type")):
        names = sorted(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or sorted(schema.get("required", [])) != names:
            return path
    for key, below in schema.items():
        if key in _VALUES:
            continue
        found = open_object(list(below.values()) if key in _BY_NAME else below, f"{path}/{key}")
        if found is not None:
            return found
    return None
