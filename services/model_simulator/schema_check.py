"""Pure: a JSON Schema and a value in; whether the one is a schema and the other fits it out. Nothing is fetched."""

from __future__ import annotations

from typing import Any

import jsonschema_rs


def fits(schema: Any, value: Any) -> bool:
    """Whether a value fits; nothing fits what is no schema."""
    validator = validator_of(schema) if is_schema(schema) else None
    return validator is not None and bool(validator.is_valid(value))


def is_schema(schema: Any) -> bool:
    """Whether it is a valid JSON Schema."""
    try:
        return jsonschema_rs.meta.is_valid(schema)
    except (jsonschema_rs.ReferencingError, ValueError, TypeError):  # a dialect that nobody knows
        return False


def validator_of(schema: Any) -> Any:
    """Its validator, or None for a schema that refers to what is not there."""
    try:
        return jsonschema_rs.validator_for(schema, retriever=_refuse_remote, validate_formats=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return None


def _refuse_remote(uri: str) -> Any:
    raise ValueError(f"{uri}: schemas are not fetched")
