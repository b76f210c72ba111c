"""Pure: reasons to take no more records in, which partitions are paused out (law 5).

Several reasons may hold one partition at once, and it goes on only when the last of them is lifted. None of them stops
the polling: a paused consumer stays in its group.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis_worker.offsets import Partition


class Hold(StrEnum):
    """Why nothing is taken."""

    STARTING = "starting"
    """What an earlier assignment finished beyond its commit is not read yet."""
    FULL = "full"
    """Every slot of the window is taken."""
    CROWDED = "crowded"
    """Another open record might not fit into the metadata of the next commit."""
    NOT_DUE = "not_due"
    """The head of a retry topic falls due later."""
    FLOODED = "flooded"
    """Too many of its records were dead letters."""
    KEY_REFUSED = "key_refused"
    """The provider refuses the key or the account."""
    DRAINING = "draining"
    """The worker is about to end."""


class Holds:
    """The reasons in force, for all partitions or for one."""

    def __init__(self) -> None:
        self._everywhere: set[Hold] = set()
        self._on: defaultdict[Partition, set[Hold]] = defaultdict(set)

    def put(self, hold: Hold, partition: Partition | None = None) -> None:
        """Put a hold on one partition, or on all."""
        (self._everywhere if partition is None else self._on[partition]).add(hold)

    def lift(self, hold: Hold, partition: Partition | None = None) -> None:
        """Take a hold off one partition, or off all."""
        (self._everywhere if partition is None else self._on[partition]).discard(hold)

    def lift_everywhere(self, hold: Hold) -> None:
        """Take a hold off wherever it is."""
        self._everywhere.discard(hold)
        for holds in self._on.values():
            holds.discard(hold)

    def set(self, hold: Hold, partition: Partition | None = None, *, when: bool) -> None:
        """Put or lift a hold."""
        (self.put if when else self.lift)(hold, partition)

    def of(self, partition: Partition) -> frozenset[Hold]:
        """What holds a partition; empty when it may go on."""
        return frozenset(self._everywhere | self._on.get(partition, set()))

    def partitions(self, hold: Hold) -> tuple[Partition, ...]:
        """The partitions that are held by name, for this reason."""
        return tuple(partition for partition, holds in self._on.items() if hold in holds)

    def everywhere(self, hold: Hold) -> bool:
        """Whether this reason holds all partitions."""
        return hold in self._everywhere
