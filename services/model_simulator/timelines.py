"""Pure: an answer and the seconds of its medium in, the same with every list of timed items spread over them out.

A real model tells its times in order; drawn from a digest they would not be.
"""

from __future__ import annotations

from typing import Any

START, END = "start_seconds", "end_seconds"


def spread(value: Any, *, seconds: float) -> Any:
    """Return the value with the items of each list that have start and end one after the other, to the millisecond."""
    if isinstance(value, dict):
        return {name: spread(inner, seconds=seconds) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    items = [spread(item, seconds=seconds) for item in value]
    if not items or not all(isinstance(item, dict) and START in item and END in item for item in items):
        return items
    borders = [round(seconds * index / len(items), 3) for index in range(len(items) + 1)]
    return [item | {START: borders[index], END: borders[index + 1]} for index, item in enumerate(items)]
