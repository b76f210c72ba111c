"""Pure: what neighbouring segments tell of one medium, with absolute times, in; the items of the whole, in order, out.

Two neighbours share an overlap, whose middle is their border. An item belongs to the segment on whose side it starts.
One that lasts longer than the overlap is cut off by both: each tells the part of it that it shows, and neither part may
be lost. What they say alike is one item, what one of them shows from its beginning is taken from that one, and the rest
stays two items that meet at the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis_worker.long_media.absolute_times import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.long_media.segments import Segment

_END: Final = "end_seconds"
_CLOSE_SECONDS: Final = 0.5
"""A model's times are about right: what reaches so little beyond what the one before saw was seen by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """The items of one list as one segment tells them; `beside_gap` when the segment before told nothing."""

    segment: Segment
    items: Sequence[Any]
    beside_gap: bool = False


def sewn(tellings: Sequence[Telling]) -> list[Any]:
    """The items of the whole; those without a start are all kept, where they stand."""
    whole: list[Any] = []
    for index, told in enumerate(tellings):
        following = tellings[index + 1] if index + 1 < len(tellings) else None
        latest = following.segment.border_seconds if following and not following.beside_gap else None
        items = [item for item in told.items if latest is None or _start(item) is None or _begins(item, latest)]
        if index == 0 or told.beside_gap:
            whole += items
            continue
        border = told.segment.border_seconds
        across = [item for item in items if _start(item) is not None and _begins(item, border) and _goes_on(item, told)]
        for number, item in enumerate(across):
            _sew(whole, item, None if number else told.segment)
        whole += [item for item in items if _start(item) is None or not _begins(item, border)]
    return whole


def _sew(whole: list[Any], item: dict[str, Any], segment: Segment | None) -> None:
    """Add what lies across the border; `segment` is where it was told, for the first of it, which may go on the last."""
    last = whole[-1] if whole and _start(whole[-1]) is not None else None
    end = _number(last, _END)
    if segment is None or last is None or end is None or end < item[START]:
        _add(whole, item)
    elif _words(last) == _words(item):
        whole[-1] = last | {_END: max(end, item[_END])}
    elif end < segment.start_seconds + segment.overlap_seconds - _CLOSE_SECONDS:
        _add(whole, item)
    elif last[START] >= segment.start_seconds:
        whole.pop()
        _add(whole, item)
    else:
        whole[-1] = last | {_END: segment.border_seconds}
        whole.append(item | {START: segment.border_seconds})


def _add(whole: list[Any], item: dict[str, Any]) -> None:
    """In order: no earlier than what stands before it, which the other segment has told."""
    latest = next((start for one in reversed(whole) if (start := _start(one)) is not None), None)
    whole.append(item if latest is None or item[START] >= latest else item | {START: latest})


def _goes_on(item: dict[str, Any], told: Telling) -> bool:
    """Whether it lasts longer than what the segment before saw."""
    end = _number(item, _END)
    return end is not None and end > told.segment.start_seconds + told.segment.overlap_seconds + _CLOSE_SECONDS


def _begins(item: dict[str, Any], before_seconds: float) -> bool:
    return bool(item[START] < before_seconds)


def _start(item: Any) -> float | None:
    return _number(item, START)


def _number(item: Any, name: str) -> float | None:
    value = item.get(name) if isinstance(item, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _words(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in {START, _END}}
