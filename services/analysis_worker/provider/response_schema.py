"""Pure: a checked schema in, the `json_schema` of `response_format` out; and the next plainer way to ask for JSON.

JSON is asked for in one of three ways, the closest that the model's card has: by `json_schema`, by JSON mode, or by the
prompt alone. A server that refuses one way is asked the next, because the lists of who takes what contradict each other
(provider.md §1a).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_worker.answers.schemas import OutputSchema
    from analysis_worker.provider.request_body import CallParameters

NAME: Final = "answer"
"""The format's name, which servers show to the model; a profile's own may hold what they refuse (`[\\w-]{1,64}`)."""
_ONE: Final = ("additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames")
_LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties", "$defs", "dependentSchemas")


def response_schema(schema: OutputSchema) -> Mapping[str, object]:
    """Return `{name, schema, strict}`; strict where the schema keeps the rules of strictness, else it is refused."""
    return {"name": NAME, "schema": schema.document, "strict": is_strict(schema.document)}


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether every object in it names all of its properties as required and allows no others.

    The rule of strict mode (platform.openai.com, Structured Outputs: "all fields must be required" and
    "additionalProperties: false must always be set"), which the servers that are compatible with it took over.
    """
    return all(_is_closed(one) for one in _subschemas(schema))


def plainer(parameters: CallParameters) -> CallParameters | None:
    """Return the parameters that ask for JSON in the next plainer way; None when the prompt alone asks already.

    The messages stay as they are: they hold the schema's text for the ways that need it (`TextPart.beside_schema`).
    """
    if parameters.json_schema is not None:
        return replace(parameters, json_schema=None)
    return replace(parameters, json_mode=False) if parameters.json_mode else None


def _is_closed(schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties")
    kind = schema.get("type")
    if kind != "object" and "object" not in (kind if isinstance(kind, list) else ()) and properties is None:
        return True
    return schema.get("additionalProperties") is False and set(properties or ()) == set(schema.get("required", ()))


def _subschemas(schema: object) -> Iterator[Mapping[str, Any]]:
    """The schema and every schema in it; `enum`, `const` and the like hold values. Its depth is bounded (schemas.py)."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    inside = [schema.get(name) for name in _ONE]
    inside += [one for name in _LISTED for one in schema.get(name, ())]
    inside += [one for name in _NAMED for one in schema.get(name, {}).values()]
    for one in inside:
        yield from _subschemas(one)
