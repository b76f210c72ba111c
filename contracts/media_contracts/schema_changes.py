"""Pure: from an older and a newer JSON Schema to the changes between them that break somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from media_contracts.values import json_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "const")
_ANYTHING: Final = "anything"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A change that breaks: where, and how."""

    path: str
    kind: Literal[
        "removed field",
        "newly required",
        "no longer certain",
        "narrowed type",
        "narrowed values",
        "changed default",
    ]
    detail: str


def find_breaking_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], *, written_by: Literal["others", "us"]
) -> list[Change]:
    """Return what breaks when the schema `old` becomes `new`.

    Of events that others write, `new` must accept all that `old` allowed. Of events that we write, a reader made for
    `old` must understand all that `new` allows. In both a field may be added and none removed, since readers ignore
    what they do not know. Understands what pydantic generates: `$ref` into `$defs`, `anyOf`, objects, arrays, bounds.
    """
    return list(_compare(_Side(old, old), _Side(new, new), (), flipped=written_by == "us"))


@dataclass(frozen=True, slots=True)
class _Side:
    """A schema within its document."""

    root: Mapping[str, Any]
    schema: Mapping[str, Any]

    def at(self, schema: Any) -> _Side:
        """The schema with its references followed; True and absent are schemas that allow anything."""
        schema = schema if isinstance(schema, dict) else {}
        while "$ref" in schema:
            schema = self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return _Side(self.root, schema)

    def alternatives(self) -> dict[str, _Side]:
        """What may stand here, by JSON type."""
        options = [self.at(option) for option in self.schema.get("anyOf", [self.schema])]
        return {str(option.schema.get("type", _ANYTHING)): option for option in options}


def _compare(old: _Side, new: _Side, path: tuple[str, ...], *, flipped: bool) -> Iterator[Change]:
    giver, taker = (new, old) if flipped else (old, new)
    accepted = taker.at(taker.schema).alternatives()
    for type_name, given in giver.at(giver.schema).alternatives().items():
        match = (
            accepted.get(type_name)
            or accepted.get(_ANYTHING)
            or (accepted.get("number") if type_name == "integer" else None)
        )
        if match is None:
            yield Change(
                path=json_pointer(path), kind="narrowed type", detail=f"{type_name} is not among {sorted(accepted)}"
            )
        elif match.schema.get("type", _ANYTHING) != _ANYTHING:
            yield from _values(given.schema, match.schema, path)
            before, after = (match, given) if flipped else (given, match)
            yield from _below(before, after, path, flipped=flipped)


def _values(given: Mapping[str, Any], taken: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Change]:
    """Yield where the taker allows less than the giver gives, in one place."""

    def narrowed(detail: str) -> Change:
        return Change(path=json_pointer(path), kind="narrowed values", detail=detail)

    if "enum" in taken and (foreign := [item for item in given.get("enum", ["any"]) if item not in taken["enum"]]):
        yield narrowed(f"{foreign} is not among {taken['enum']}")
    for name in _EXACT:
        if name in taken and given.get(name) != taken[name]:
            yield narrowed(f"{name} {given.get(name)!r} against {taken[name]!r}")
    for name in _LOWER_BOUNDS:
        if name in taken and given.get(name, float("-inf")) < taken[name]:
            yield narrowed(f"{name} {given.get(name)} against {taken[name]}")
    for name in _UPPER_BOUNDS:
        if name in taken and given.get(name, float("inf")) > taken[name]:
            yield narrowed(f"{name} {given.get(name)} against {taken[name]}")


def _below(old: _Side, new: _Side, path: tuple[str, ...], *, flipped: bool) -> Iterator[Change]:
    """Yield what breaks inside objects and arrays."""
    before, after = old.schema.get("properties", {}), new.schema.get("properties", {})
    for name in before:
        if name not in after:
            yield Change(
                path=json_pointer((*path, name)), kind="removed field", detail="readers and writers rely on it"
            )
            continue
        was, now = (side.get("default") for side in (before[name], after[name]))
        if was != now and not flipped:
            yield Change(path=json_pointer((*path, name)), kind="changed default", detail=f"{was!r} became {now!r}")
        yield from _compare(old.at(before[name]), new.at(after[name]), (*path, name), flipped=flipped)
    required_before, required_after = set(old.schema.get("required", [])), set(new.schema.get("required", []))
    for name in sorted((required_before - required_after) if flipped else (required_after - required_before)):
        if not flipped or name in after:
            kind: Literal["no longer certain", "newly required"] = "no longer certain" if flipped else "newly required"
            yield Change(
                path=json_pointer((*path, name)),
                kind=kind,
                detail="was in `required`" if flipped else "is in `required`",
            )
    for name in ("items", "additionalProperties", "propertyNames"):
        if name in old.schema or name in new.schema:
            yield from _compare(
                old.at(old.schema.get(name)), new.at(new.schema.get(name)), (*path, f"({name})"), flipped=flipped
            )
