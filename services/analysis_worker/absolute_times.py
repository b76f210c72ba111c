"""Pure: the answer about a segment in, the same answer with its times counted from the start of the whole medium out.

Which numbers are times is said by pointers to timelines (timeline.py): the profile's, or, for a requester's own
schema, the lists whose items have a `start_seconds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START: Final = "start_seconds"
_TIMES: Final = (START, "end_seconds")
_DIGITS: Final = 3
_DEEPEST: Final = 32


def shifted(value: Any, *, timelines: Sequence[str], by_seconds: float) -> Any:
    """A copy of the answer whose timelines' items lie so much later; to the millisecond, null stays null."""
    moved = deepcopy(value)
    for pointer in timelines:
        found = at(moved, pointer)
        for item in found if isinstance(found, list) else ():
            if isinstance(item, dict):
                _shift(item, by_seconds)
    return moved


def timelines_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Pointers to the lists of a schema whose items have a start in seconds; for schemas that come without any."""
    return tuple(_timelines(schema, "", _DEEPEST))


def at(value: object, pointer: str) -> object:
    """What a pointer leads to through objects; None where it leads nowhere."""
    for step in pointer.split("/")[1:]:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _shift(item: dict[str, Any], by_seconds: float) -> None:
    for name in _TIMES:
        instant = item.get(name)
        if isinstance(instant, int | float) and not isinstance(instant, bool):
            item[name] = round(instant + by_seconds, _DIGITS)


def _timelines(schema: object, pointer: str, deepest: int) -> Iterator[str]:
    properties = schema.get("properties") if isinstance(schema, Mapping) and deepest else None
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        if "/" in name or "~" in name or "*" in name:
            continue  # no pointer of a timeline can name it
        items = inner.get("items") if isinstance(inner, Mapping) else None
        if isinstance(at(items, f"/properties/{START}"), Mapping | bool):
            yield f"{pointer}/{name}"
        yield from _timelines(inner, f"{pointer}/{name}", deepest - 1)
