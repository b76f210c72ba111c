"""Pure: what the validator found wrong with an answer in, a `Fault` out that says so in the schema's words.

Faults travel in events, logs and the next prompt. What a film makes a model write as the name of a property is as
little ours to repeat there as its other words (re_ask.py): a name is shown that the schema has, or that is plain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from media_contracts import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    import jsonschema_rs

MAX_MESSAGE_CHARACTERS: Final = 300
_MOST_NAMES: Final = 5
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
_OTHER: Final = "*"
"""Stands for a name that is not shown."""


def fault_of(error: jsonschema_rs.ValidationError, *, schema_text: str) -> Fault:
    """Return the fault; `schema_text` is the schema as compact JSON."""
    steps = (step if isinstance(step, int) else shown_name(step, schema_text) for step in error.instance_path)
    return Fault(path=to_pointer(steps), message=_message(error)[:MAX_MESSAGE_CHARACTERS])


def shown_name(name: str, schema_text: str = "") -> str:
    """Return a property's name if it may be told, else a star."""
    if _PLAIN.fullmatch(name) or (schema_text and orjson.dumps(name).decode() in schema_text):
        return name
    return _OTHER


def to_pointer(steps: Iterable[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _message(error: jsonschema_rs.ValidationError) -> str:
    match error.kind.name:
        case "additionalProperties" | "unevaluatedProperties":
            names = [shown_name(name) for name in error.kind.as_dict()["unexpected"]]
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            return f"has properties that are not allowed: {', '.join(names[:_MOST_NAMES])}{more}"
        case "propertyNames":  # the only message that the validator does not mask
            return "has a property with a name that is not allowed"
        case _:
            return error.message
