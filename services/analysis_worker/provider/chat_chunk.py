"""Pure: the data of one event of a streamed answer in, its JSON objects and the parts of them that we read out.

Shapes: provider.md §3. Nothing here raises on what a server says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def decode_event(data: str) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the JSON objects of one event, and whether there is something in it that should have been one.

    An event whose lines are each a whole object lost its blank lines on the way (001_c4bbddce233d9b12.txt prints its
    stream so). What does not begin as an object is noise.
    """
    document = _loads(data)
    if document is not None:
        return ([document] if isinstance(document, Mapping) else []), False
    lines = [line for line in data.split("\n") if line.lstrip().startswith("{")]
    found = [_loads(line) for line in lines] if "\n" in data else [None] * len(lines)
    return [one for one in found if isinstance(one, Mapping)], None in found


def _loads(data: str) -> object:
    """Return the JSON value; None when there is none, or null."""
    try:
        return orjson.loads(data)
    except (orjson.JSONDecodeError, UnicodeEncodeError):  # the second: bytes that are no UTF-8
        return None


def first_choice(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the choice that is ours, empty without one: `choices` is empty in the usage chunk, and may be missing or
    null. `n` is not for Omni (CHAT).
    """
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and choice.get("index") in (0, None):
            return choice
    return {}


def string_of(mapping: Mapping[str, Any], name: str) -> str:
    """Return a string of the mapping; "" for null and whatever else stands there."""
    value = mapping.get(name)
    return value if isinstance(value, str) else ""
