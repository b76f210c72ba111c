"""Pure: the answer about a segment in, the same answer with its times counted from the start of the whole medium out.

Which numbers are times is said by pointers to timelines (timeline.py): the profile's. A requester's own schema comes
without any: there every `start_seconds` and `end_seconds` is a time, and the lists of what has one are its timelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from analysis_worker.answers.pointer import at
from analysis_worker.answers.schema_references import target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START: Final = "start_seconds"
EVERYWHERE: Final = "**"
"""Among timelines: all that is named so is a time, wherever it stands; no list has this pointer."""
_TIMES: Final = (START, "end_seconds")
_DIGITS: Final = 3
_DEEPEST: Final = 32
_MOST_LOOKS: Final = 1000
"""At lists and objects of a schema: one that refers to itself has no end."""
_MOST_FORMS: Final = 32
_COMBINED: Final = ("allOf", "anyOf", "oneOf")


def shifted(value: Any, *, timelines: Sequence[str], by_seconds: float) -> Any:
    """A copy of the answer whose timelines' items lie so much later; to the millisecond, null stays null."""
    moved = deepcopy(value)
    if EVERYWHERE in timelines:
        for item in _objects(moved):
            _shift(item, by_seconds)
        return moved
    for pointer in timelines:
        found = at(moved, pointer)
        for item in found if isinstance(found, list) else ():
            if isinstance(item, dict):
                _shift(item, by_seconds)
    return moved


def in_whole_seconds(value: Any, *, schema: Mapping[str, Any]) -> Any:
    """The answer with its times rounded where the schema wants whole numbers: pieces begin between two seconds."""
    return rounded(value, whole_times(schema))


def whole_times(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of times that the schema wants as whole numbers."""
    return tuple(name for name in _TIMES if _is_whole(schema, name))


def rounded(value: Any, names: Sequence[str]) -> Any:
    """The answer with the times of these names rounded."""
    if not names:
        return value
    made = deepcopy(value)
    for item in _objects(made):
        item |= {name: round(item[name]) for name in names if isinstance(item.get(name), float)}
    return made


def timelines_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Pointers to the lists of a schema whose items have a start in seconds; for schemas that come without any."""
    found: dict[str, None] = {}
    looks = [("", form) for form in _forms(schema, schema)]
    for pointer, form in looks:
        properties = form.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            if "/" in name or "~" in name or "*" in name or pointer.count("/") >= _DEEPEST:
                continue  # no pointer of a timeline can name it
            forms = _forms(schema, inner)
            if any(_has_start(item) for form in forms for item in _forms(schema, form.get("items"))):
                found[f"{pointer}/{name}"] = None
            looks += [(f"{pointer}/{name}", form) for form in forms][: max(_MOST_LOOKS - len(looks), 0)]
    return tuple(found)


def _shift(item: dict[str, Any], by_seconds: float) -> None:
    for name in _TIMES:
        instant = item.get(name)
        if isinstance(instant, int | float) and not isinstance(instant, bool):
            item[name] = round(instant + by_seconds, _DIGITS)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()


def _forms(document: Mapping[str, Any], schema: object) -> list[Mapping[str, Any]]:
    """A subschema and all that it refers to or is combined of, as schemas made by programs do with each part."""
    found = [schema] if isinstance(schema, Mapping) else []
    for form in found:
        reference = form.get("$ref")
        more = [target(document, reference)] if isinstance(reference, str) else []
        for name in _COMBINED:
            more += form[name] if isinstance(form.get(name), list) else ()
        new = [one for one in more if isinstance(one, Mapping) and all(one is not known for known in found)]
        found += new[: _MOST_FORMS - len(found)]
    return found


def _has_start(items: Mapping[str, Any]) -> bool:
    return isinstance(at(items, f"/properties/{START}"), Mapping | bool)


def _is_whole(schema: Mapping[str, Any], name: str) -> bool:
    """Whether a property of that name must be a whole number somewhere in a schema, or in its definitions."""
    for one in _objects(schema):
        types: set[str] = set()
        for form in _forms(schema, at(one, f"/properties/{name}")):
            known = form.get("type", ())
            types |= {known} if isinstance(known, str) else set(known)
        if "integer" in types and "number" not in types:
            return True
    return False
