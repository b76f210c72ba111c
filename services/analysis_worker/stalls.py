"""Pure: where each partition stands in, for how long the slowest has not moved out (DESIGN.md §3, `/livez`).

aiokafka's own guard against a consumer that stopped polling can be switched off without a word by a cancelled fetch
(conventions.md §3.7), so progress is watched from outside: positions that ought to move and do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_worker.offsets import Partition


class Stalls:
    """Remembers since when each partition stands; instants are seconds of one clock."""

    def __init__(self) -> None:
        self._since: dict[Partition, tuple[int, float]] = {}

    def look(self, now: float, positions: Mapping[Partition, int | None]) -> None:
        """Note the next offset of each partition; None for one that need not move: paused, or at its end."""
        self._since = {
            partition: self._since[partition]
            if partition in self._since and self._since[partition][0] == position
            else (position, now)
            for partition, position in positions.items()
            if position is not None
        }

    def longest_seconds(self, now: float) -> float:
        """0 when every partition moves or need not."""
        return max((now - since for _, since in self._since.values()), default=0.0)
