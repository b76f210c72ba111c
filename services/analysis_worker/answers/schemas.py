"""Pure: the text of a JSON Schema in, an `OutputSchema` out that lists what is wrong with an answer.

JSON Schema 2020-12, by jsonschema-rs with retrieval switched off: a schema is data from outside and makes no requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
import orjson
import rfc8785

from analysis_worker.answers.schema_cost import SchemaCost, schema_cost
from analysis_worker.answers.schema_faults import MAX_MESSAGE_CHARACTERS, fault_of, to_pointer
from analysis_worker.answers.schema_patterns import pattern_kilobytes
from analysis_worker.answers.schema_references import objects_in, unfollowed
from analysis_worker.errors import SchemaInvalid
from media_contracts import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

# DESIGN.md §3, `output_schema`.
MAX_SCHEMA_BYTES: Final = 64 * 1024
MAX_SCHEMA_DEPTH: Final = 32
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# The validator cannot be stopped.
MAX_SUBSCHEMAS: Final = 10_000
_MAX_STEPS: Final = 1_000_000
# A fifth of a second, at 20 ns a subschema and value (measured).
MAX_LOOKS: Final = 10_000_000
# A second, at 20 ns for a step of a regular expression and a character (measured).
MAX_PATTERN_STEPS: Final = 50_000_000
# A third of a second and 64 MB (measured); equal expressions are compiled once.
MAX_PATTERNS_KILOBYTES: Final = 64 * 1024
# The validator lists every fault before it returns the first, at 10 us and 2 KB each (measured).
MAX_LISTED_LOOKS: Final = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputSchema:
    """A checked JSON Schema; `text` is compact JSON in the author's key order, `sha256` is of its RFC 8785 form."""

    text: str
    sha256: str
    document: Mapping[str, Any]
    cost: SchemaCost
    _validator: jsonschema_rs.Draft202012Validator = field(repr=False, compare=False)

    def faults(self, value: object, *, limit: int = 20) -> tuple[Fault, ...]:
        """Return the first `limit` faults of an answer, none when it fits; paths are JSON Pointers (RFC 6901).

        With a limit of 1 only whether it fits is told, without a place.

        They do not quote the answer (schema_faults.py): they travel in events, logs and the next prompt.
        """
        if self.cost.growth > 1 and self.cost.steps(depth_of(value)) > _MAX_STEPS:
            return (Fault(path="", message="nests too deep for a schema that refers to itself in several ways"),)
        looks = self.looks(value)
        if looks > MAX_LOOKS or self._pattern_steps(value) > MAX_PATTERN_STEPS:
            return (Fault(path="", message="is too large for a schema of this size"),)
        if self._validator.is_valid(value):
            return ()
        if limit == 1:
            return (Fault(path="", message="does not fit the schema"),)
        if looks > MAX_LISTED_LOOKS:
            return (Fault(path="", message="does not fit the schema; it is too large to list where"),)
        errors = islice(self._validator.iter_errors(value), limit)
        return tuple(fault_of(error, schema_text=self.text) for error in errors)

    def looks(self, value: object) -> int:
        """Return at most how many subschemas the validator holds against a value and what is in it."""
        return self.cost.size * self.cost.steps(depth_of(value)) * _values_in(value)

    def _pattern_steps(self, value: object) -> int:
        if not self.cost.patterns:
            return 0
        return self.cost.patterns * self.cost.steps(depth_of(value)) * _characters_in(value)


def compile_schema(schema: str | Mapping[str, Any]) -> OutputSchema:
    """Return the schema, checked; raises `SchemaInvalid` for what is no schema, too large, too deep or elsewhere."""
    document = _parse(schema) if isinstance(schema, str) else schema
    if not isinstance(document, Mapping):
        raise SchemaInvalid(f"the output schema is {type(document).__name__}; it must be a JSON object")
    _check_depth(document)
    try:
        text = orjson.dumps(document)
        canonical = rfc8785.dumps(dict(document))
    except (TypeError, ValueError) as error:  # rfc8785.CanonicalizationError is a ValueError
        raise SchemaInvalid(f"the output schema has no canonical JSON form: {error}") from error
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaInvalid(f"the output schema has {len(text)} bytes; at most {MAX_SCHEMA_BYTES} are allowed")
    dialect = document.get("$schema", _DIALECT)
    if dialect != _DIALECT:
        raise SchemaInvalid(f"the output schema is written for {dialect!r}; use {_DIALECT}, or leave $schema out")
    cost = schema_cost(document)
    if cost.size > MAX_SUBSCHEMAS:
        raise SchemaInvalid(
            f"the output schema has more than {MAX_SUBSCHEMAS:,} subschemas when its references are followed; "
            "refer less often to what refers further"
        )
    _check_patterns(document)
    validator = _compile(document)
    if (what := unfollowed(document)) is not None:
        raise SchemaInvalid(f"the output schema {what}; write references as #/$defs/name, and one $id at the root")
    return OutputSchema(
        text=text.decode(),
        sha256=hashlib.sha256(canonical).hexdigest(),
        document=document,
        cost=cost,
        _validator=validator,
    )


def _parse(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SchemaInvalid(f"the output schema is no JSON: {error}") from error


def _compile(document: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(document),
            offline=True,
            validate_formats=True,
            mask="the value",
            # The linear engine: one with look-around needs the square of a string's length, whatever its limit of steps.
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except jsonschema_rs.ValidationError as error:
        where = to_pointer(error.instance_path)
        hint = " (patterns take no look-around and no back-references)" if '"regex"' in error.message else ""
        raise SchemaInvalid(
            f"the output schema is no JSON Schema 2020-12 at {where or 'its root'}: "
            f"{error.message[:MAX_MESSAGE_CHARACTERS]}{hint}"
        ) from error
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaInvalid(f"the output schema refers to what is not in it: {error}") from error


def _check_depth(document: Mapping[str, Any]) -> None:
    if depth_of(document, most=MAX_SCHEMA_DEPTH + 1) > MAX_SCHEMA_DEPTH:
        raise SchemaInvalid(f"the output schema is more than {MAX_SCHEMA_DEPTH} levels deep; flatten it")


def _check_patterns(document: Mapping[str, Any]) -> None:
    given = [one.get("pattern") for one in objects_in(document)]
    for one in objects_in(document):
        named = one.get("patternProperties")
        given += list(named) if isinstance(named, Mapping) else []
    if sum(map(pattern_kilobytes, {pattern for pattern in given if isinstance(pattern, str)})) > MAX_PATTERNS_KILOBYTES:
        raise SchemaInvalid(
            f"the output schema's regular expressions take more than {MAX_PATTERNS_KILOBYTES:,} KB when their counted "
            "repetitions are written out; use maxLength, or repeat less often"
        )


def depth_of(value: object, *, most: int = 1_000) -> int:
    """Return how many objects and lists a JSON value has inside each other, counted up to `most`."""
    # Level by level, not by recursion: the depth is what is not known yet.
    level: list[object] = [value] if isinstance(value, (Mapping, list, tuple)) else []
    depth = 0
    while level and depth < most:
        level = [child for one in level for child in _children(one)]
        depth += 1
    return depth


def _values_in(value: object) -> int:
    level: list[object] = [value]
    number = 1
    while level:
        number += sum(len(one) for one in level if isinstance(one, (Mapping, list, tuple)))
        level = [child for one in level for child in _children(one)]
    return number


def _characters_in(value: object) -> int:
    """Return how many characters the texts and names in a JSON value have."""
    level: list[object] = [value] if isinstance(value, (Mapping, list, tuple)) else [[value]]
    number = 0
    while level:
        number += sum(len(text) for one in level for text in _texts(one))
        level = [child for one in level for child in _children(one)]
    return number


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for text in (*value, *value.values()) if isinstance(text, str)]
    return [text for text in value if isinstance(text, str)] if isinstance(value, (list, tuple)) else []


def _children(value: object) -> list[object]:
    """Return the objects and lists directly inside a JSON value."""
    inside: Iterable[object] = ()
    if isinstance(value, Mapping):
        inside = value.values()
    elif isinstance(value, (list, tuple)):
        inside = value
    return [child for child in inside if isinstance(child, (Mapping, list, tuple))]
