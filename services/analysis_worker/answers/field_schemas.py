"""Pure: a checked schema in, the schemas of its answer's top-level fields and list items, each for itself, out.

They are found by `properties` and `items`, through local references, and for a value that may be missing through the
one alternative that is a list. What cannot be found so has no schema here: nobody can tell whether it is valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import jsonschema_rs

if TYPE_CHECKING:
    from analysis_worker.answers.schemas import OutputSchema

_ANSWER: Final = "urn:media-analysis:answer"
_MOST_REFERENCES: Final = 32
_COMBINING: Final = frozenset({"anyOf", "oneOf", "allOf", "if", "not"})
_OTHER_ITEMS: Final = frozenset({"prefixItems", "unevaluatedItems"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldSchemas:
    """What is known of each field of an answer to one schema."""

    schema: OutputSchema
    whole: frozenset[str]
    items: frozenset[str]
    _validator: jsonschema_rs.Draft202012Validator = field(repr=False, compare=False)

    def knows(self, name: str, *, is_item: bool) -> bool:
        """Whether there is a schema for that field, or for the items of it."""
        return name in (self.items if is_item else self.whole)

    def looks(self, value: object) -> int:
        """At most how many looks `fits` takes."""
        return self.schema.looks(value)

    def fits(self, name: str, value: object, *, is_item: bool) -> bool:
        """Whether a field, or one item of it, fits its own schema."""
        return self._validator.is_valid({"items" if is_item else "whole": {name: value}})


def field_schemas(schema: OutputSchema) -> FieldSchemas:
    """Return the schemas of the answer's fields; none when they cannot be told apart."""
    document = schema.document
    pointer, root = _resolved(document, "", with_own="properties")
    properties = root.get("properties") if isinstance(root, Mapping) else None
    names = [name for name in properties if isinstance(name, str)] if isinstance(properties, Mapping) else []
    whole = {name: f"{pointer}/properties/{_step(name)}" for name in names}
    listed = {name: at for name, where in whole.items() if (at := _items(document, where)) is not None}
    try:
        validator = _compile(document, whole, listed)
    except ValueError:  # jsonschema_rs' errors are: references that end outside, resources within resources
        whole, listed, validator = {}, {}, _compile({}, {}, {})
    return FieldSchemas(schema=schema, whole=frozenset(whole), items=frozenset(listed), _validator=validator)


def _compile(
    document: Mapping[str, Any], whole: Mapping[str, str], listed: Mapping[str, str]
) -> jsonschema_rs.Draft202012Validator:
    # The schema is a resource of its own here, so that its references lead where they did.
    parts = {
        part: {"properties": {name: {"$ref": f"{_ANSWER}#{pointer}"} for name, pointer in pointers.items()}}
        for part, pointers in (("whole", whole), ("items", listed))
    }
    return jsonschema_rs.Draft202012Validator(
        {"$defs": {"answer": {**document, "$id": _ANSWER}}, "properties": parts},
        offline=True,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def _items(document: Mapping[str, Any], pointer: str) -> str | None:
    """Where the schema of a list's items lies; None when there is no such place."""
    pointer, found = _resolved(document, pointer)
    for word in ("anyOf", "oneOf"):
        options = found.get(word) if isinstance(found, Mapping) else None
        resolved = (_resolved(document, f"{pointer}/{word}/{number}") for number, _ in enumerate(options or ()))
        lists = [option for option in resolved if _may_be_list(option[1])]
        if len(lists) == 1:
            pointer, found = lists[0]
    if not isinstance(found, Mapping) or found.keys() & (_COMBINING | _OTHER_ITEMS) or not _may_be_list(found):
        return None
    return f"{pointer}/items" if isinstance(found.get("items"), Mapping) else None


def _may_be_list(schema: object) -> bool:
    if not isinstance(schema, Mapping):
        return schema is True
    kind = schema.get("type", "array")
    return "array" in kind if isinstance(kind, list) else kind == "array"


def _resolved(document: Mapping[str, Any], pointer: str, *, with_own: str | None = None) -> tuple[str, object]:
    """Follow references from a place within the schema, where they lead on alone, or to what lacks `with_own`."""
    found = _at(document, pointer)
    for _ in range(_MOST_REFERENCES):
        reference = found.get("$ref") if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or not isinstance(reference, str) or not reference.startswith("#"):
            break
        if with_own is not None and with_own in found:
            break
        pointer = reference.removeprefix("#")
        found = _at(document, pointer)
    return pointer, found


def _at(document: object, pointer: str) -> object:
    for step in pointer.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, list | tuple) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def _step(name: str) -> str:
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")
