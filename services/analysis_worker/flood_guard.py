"""Pure: how the records of each topic partition ended in, which partitions are to stop out (a flood of garbage).

A producer that sends garbage would fill the dead-letter topic at the speed of the broker. So a partition stops when more
than `share` of its last `window` ended records were dead letters. The window counts records, not seconds: a flood is
many records whatever the time they take, and a partition that ends a few a day is judged when it has ended enough.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis_worker.offsets import Partition


@dataclass(kw_only=True, slots=True)
class _Recent:
    """How the last records of one partition ended, oldest first: True for a dead letter."""

    ends: deque[bool] = field(default_factory=deque)
    buried: int = 0
    stopped: bool = False


class FloodGuard:
    """Trips a partition when the share of dead letters in a full window passes the limit (0 to 1; 1 never trips).

    It knows nothing of assignments: what it stopped stays stopped until `resume`, or until the process ends.
    """

    def __init__(self, *, share: float, window: int) -> None:
        self._share = share
        self._window = window
        self._recent: dict[Partition, _Recent] = {}

    def ended(self, partition: Partition, *, buried: bool) -> float | None:
        """Count the end of a record; the share of dead letters when it trips the partition now, else None."""
        recent = self._recent.setdefault(partition, _Recent())
        recent.ends.append(buried)
        recent.buried += buried
        if len(recent.ends) > self._window:
            recent.buried -= recent.ends.popleft()
        share = recent.buried / self._window
        if recent.stopped or len(recent.ends) < self._window or share <= self._share:
            return None
        recent.stopped = True
        return share

    def stopped(self, partition: Partition) -> bool:
        """Whether the partition is to take nothing."""
        recent = self._recent.get(partition)
        return recent is not None and recent.stopped

    def resume(self, *, topic: str | None = None, number: int | None = None) -> tuple[Partition, ...]:
        """Let stopped partitions go on, each with an empty window: all, those of a topic, or one; returns which."""
        lifted = tuple(
            partition
            for partition, recent in self._recent.items()
            if recent.stopped and topic in (None, partition.topic) and number in (None, partition.number)
        )
        for partition in lifted:
            del self._recent[partition]
        return tuple(sorted(lifted, key=lambda each: (each.topic, each.number)))
