"""Pure: an answer with times in it in, what is wrong with them out: out of order, backwards, or beyond the medium.

A schema cannot say this. Which lists hold times is the profile's to say (`timelines`, JSON Pointers); their items have
`start_seconds` and `end_seconds`, either of which may be missing or null.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from analysis_worker.answers.pointer import at
from media_contracts import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A model names whole seconds of a medium that ends between two of them.
SLACK_SECONDS: Final = 1.0
_MOST_FAULTS: Final = 20


def timeline_faults(
    value: object, *, timelines: Sequence[str], duration_seconds: float | None = None
) -> tuple[Fault, ...]:
    """Return the first faults of every list that a pointer leads to; a pointer that leads nowhere is the schema's.

    `duration_seconds` is that of the medium that the times are of; None: unknown, or of more than one.
    """
    latest = None if duration_seconds is None else duration_seconds + SLACK_SECONDS
    found = (fault for pointer in timelines for fault in _faults(at(value, pointer), pointer, latest))
    return tuple(islice(found, _MOST_FAULTS))


def _faults(items: object, pointer: str, latest_seconds: float | None) -> Iterator[Fault]:
    before = 0.0
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        start, end = (_seconds(item.get(name)) for name in ("start_seconds", "end_seconds"))
        at = f"{pointer}/{index}"
        if start is not None and start < before:
            yield Fault(
                path=f"{at}/start_seconds", message=f"must be at least {before:g}, where the item before starts"
            )
        if end is not None and end < (start or 0.0):
            yield Fault(path=f"{at}/end_seconds", message=f"must be at least {start or 0.0:g}, where the item starts")
        for name, instant in (("start_seconds", start), ("end_seconds", end)):
            if latest_seconds is not None and instant is not None and instant > latest_seconds:
                yield Fault(path=f"{at}/{name}", message=f"must be at most {latest_seconds:g}: the medium is no longer")
        before = max(before, start if start is not None else before)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
