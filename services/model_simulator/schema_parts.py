"""Pure: pieces of JSON Schemas in; their number bounds, types, and two schemas as one out."""

from __future__ import annotations

import math
from typing import Any


def number_bounds(schema: dict[str, Any], *, whole: bool) -> tuple[float, float]:
    """The closed range that the keywords leave, at most 100 wide beyond a single bound."""
    low, high = schema.get("minimum"), schema.get("maximum")
    below, above = schema.get("exclusiveMaximum"), schema.get("exclusiveMinimum")
    margin = 1 if whole else 1e-6
    if isinstance(above, int | float) and not isinstance(above, bool):
        floor = math.floor(above) + 1 if whole else above + margin
        low = floor if low is None else max(low, floor)
    if isinstance(below, int | float) and not isinstance(below, bool):
        ceiling = math.ceil(below) - 1 if whole else below - margin
        high = ceiling if high is None else min(high, ceiling)
    if low is None:
        low = 0 if high is None or high >= 0 else high - 100
    if high is None:
        high = max(low, 0) + 100
    return (math.ceil(low), math.floor(high)) if whole else (low, high)


def is_bounded_above(schema: dict[str, Any]) -> bool:
    """Whether a number has a greatest value."""
    return "maximum" in schema or "exclusiveMaximum" in schema


def has_type(value: Any, kinds: Any) -> bool:
    """Whether a value is of a type or of one of several."""
    names = {kinds} if isinstance(kinds, str) else set(kinds)
    match value:
        case None:
            return "null" in names
        case bool():
            return "boolean" in names
        case str():
            return "string" in names
        case int():
            return bool(names & {"integer", "number"})
        case float():
            return "number" in names
        case _:
            return bool(names & {"object", "array"})


def without(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """The schema less one keyword."""
    return {name: value for name, value in schema.items() if name != key}


def merged(first: dict[str, Any], second: Any) -> dict[str, Any]:
    """Both schemas at once, as far as plain keywords go; the validator has the last word."""
    if not isinstance(second, dict):
        return first
    result = {**first, **second}
    if "properties" in first and "properties" in second:
        shared = {
            name: merged(first["properties"][name], value) if isinstance(first["properties"].get(name), dict) else value
            for name, value in second["properties"].items()
        }
        result["properties"] = {**first["properties"], **shared}
    if "required" in first and "required" in second:
        result["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    if "enum" in first and "enum" in second:
        result["enum"] = [member for member in first["enum"] if member in second["enum"]]
    for key, choose in (
        ("minimum", max),
        ("minLength", max),
        ("minItems", max),
        ("maximum", min),
        ("maxLength", min),
        ("maxItems", min),
    ):
        if key in first and key in second:
            result[key] = choose(first[key], second[key])
    return result
