"""Pure: findings about the parts of one medium in; one answer about the whole, that fits the schema, out.

It does what a text model is asked to do: it says nothing that no part says, and what several parts say is said once.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from model_simulator.schema_check import fits
from model_simulator.schema_find import objects_in
from model_simulator.timelines import START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FINDINGS: Final = "findings"
_NOTHING: Final = object()


def find_findings(texts: Iterable[str]) -> tuple[Any, ...]:
    """What is under `findings` in the JSON objects of the texts that have a start as well, in order."""
    return tuple(
        value[FINDINGS] for text in texts for _, value in objects_in(text) if FINDINGS in value and START in value
    )


def answer_of(findings: Sequence[Any], schema: Any) -> Any:
    """One answer about the whole: all parts pooled, or where that does not fit the schema what one of them says.

    None where nothing fits.
    """
    return next((value for value in (pool(schema, findings), *findings) if fits(schema, value)), None)


def pool(schema: Any, findings: Sequence[Any]) -> Any:
    """One value out of those of the parts; each of them fits the schema, and the whole may be too long for it."""
    values = list(findings)
    schema = schema if isinstance(schema, dict) else {}
    if len(values) == 1 or "const" in schema or "$ref" in schema:
        return values[0]
    for kind, pooled in _POOLED:
        if all(isinstance(value, kind) for value in values):
            return pooled(schema, values)
    return next((value for value in values if value is not None), None)


def _pooled_objects(schema: dict[str, Any], values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = schema.get("properties")
    properties: dict[str, Any] = known if isinstance(known, dict) else {}
    extra = (
        [name for value in values for name in value] if schema.get("additionalProperties", True) is not False else []
    )
    result = {}
    for name in dict.fromkeys([*properties, *extra]):
        told = [value[name] for value in values if name in value]
        if told:
            result[name] = pool(properties.get(name), told)
    return result


def _pooled_lists(schema: dict[str, Any], values: Sequence[list[Any]]) -> list[Any]:
    items: list[Any] = []
    for item in (item for value in values for item in value):
        if item not in items:
            items.append(item)
    starts = [item.get(START, _NOTHING) if isinstance(item, dict) else _NOTHING for item in items]
    if starts and all(isinstance(start, int | float) for start in starts):
        items.sort(key=lambda item: item[START])
    return items[: schema.get("maxItems", len(items))]


def _pooled_texts(schema: dict[str, Any], values: Sequence[str]) -> str:
    different = list(dict.fromkeys(values))
    if len(different) > 1 and ("enum" in schema or "pattern" in schema or "format" in schema):
        return Counter(values).most_common(1)[0][0]
    most = schema.get("maxLength")
    text = different[0]
    for more in different[1:]:
        if most is not None and len(text) + 1 + len(more) > most:
            break
        text += f" {more}"
    return text


def _pooled_booleans(_schema: dict[str, Any], values: Sequence[bool]) -> bool:
    return any(values)


def _pooled_numbers(_schema: dict[str, Any], values: Sequence[float]) -> float:
    return max(values)


# A boolean is a number to Python: it comes first.
_POOLED: Final[tuple[tuple[Any, Callable[[dict[str, Any], Any], Any]], ...]] = (
    (dict, _pooled_objects),
    (list, _pooled_lists),
    (str, _pooled_texts),
    (bool, _pooled_booleans),
    (int | float, _pooled_numbers),
)
