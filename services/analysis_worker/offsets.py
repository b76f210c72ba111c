"""Pure: delivered and finished offsets in, what may be committed out (laws 3 and 4).

Offsets have gaps (transaction markers, compaction), so the prefix runs over *delivered* records, never over numbers.
An assignment has an epoch: what was delivered under an older one can no longer move anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from analysis_worker.commit_map import CommitMap, encode_commit_map, encoded_bytes, fits

SURELY_FITS: Final = 250
"""So few open records fit into a commit's metadata however far apart they lie (10 bytes each)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """A topic and one of its partitions."""

    topic: str
    number: int

    def __str__(self) -> str:
        """As Kafka's tools write it."""
        return f"{self.topic}-{self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """One delivered record: where it stood, and in which assignment it was delivered."""

    partition: Partition
    offset: int
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What is committed for a partition: the next offset to consume, and the map of what is finished beyond it."""

    offset: int
    metadata: str
    epoch: int


@dataclass(kw_only=True, slots=True)
class _Progress:
    """One partition of the current assignment: `open` maps offset to record timestamp, in order of delivery."""

    epoch: int
    restored: CommitMap
    open: dict[int, int] = field(default_factory=dict)
    last: int | None = None
    committed: Mark | None = None

    def commit_map(self) -> CommitMap | None:
        """What is finished, from the first open record on; None as long as nothing was delivered."""
        if self.last is None:
            return None
        base = next(iter(self.open), self.last + 1)
        unseen = tuple(offset for offset in self.restored.open if offset > self.last)
        return CommitMap(base=base, end=max(self.last + 1, self.restored.end), open=(*self.open, *unseen))

    def mark(self) -> Mark | None:
        """What is to be committed; None as long as nothing was delivered."""
        commit_map = self.commit_map()
        if commit_map is None:
            return None
        return Mark(offset=commit_map.base, metadata=encode_commit_map(commit_map), epoch=self.epoch)


class Offsets:
    """The delivered records of the current assignment and what of them is finished, by partition."""

    def __init__(self) -> None:
        self._epoch = 0
        self._progress: dict[Partition, _Progress] = {}

    def begin(self) -> None:
        """A new assignment, or the end of one: nothing delivered before may be committed any more."""
        self._progress = {}

    def restore(self, partition: Partition, commit_map: CommitMap) -> None:
        """Start a partition where an earlier assignment committed, with what that had finished beyond it."""
        self._epoch += 1
        progress = self._progress[partition] = _Progress(epoch=self._epoch, restored=commit_map)
        progress.committed = Mark(offset=commit_map.base, metadata=encode_commit_map(commit_map), epoch=progress.epoch)

    def deliver(self, partition: Partition, offset: int, *, timestamp_ms: int) -> Ticket | None:
        """Register a record before anything decodes it; None when an earlier assignment has finished it."""
        progress = self._progress.get(partition)
        if progress is None or (progress.last is not None and offset <= progress.last):
            # Going back means that the log was reset under us: what we know of its offsets no longer holds.
            self.restore(partition, CommitMap(base=offset, end=offset))
            progress = self._progress[partition]
        progress.last = offset
        if progress.restored.finished(offset):
            return None
        progress.open[offset] = timestamp_ms
        return Ticket(partition=partition, offset=offset, epoch=progress.epoch)

    def finish(self, ticket: Ticket) -> bool:
        """Mark a record done; False when its assignment is gone, so that nothing of it will be committed."""
        progress = self._progress.get(ticket.partition)
        if progress is None or progress.epoch != ticket.epoch:
            return False
        return progress.open.pop(ticket.offset, None) is not None

    def crowded(self, partition: Partition) -> bool:
        """Whether another open record might not fit into the metadata of the next commit (back-pressure, law 3).

        Never as long as what an earlier assignment committed is not gone through: its open records are in the map
        already, and to hold them back would hold the partition for ever.
        """
        progress = self._progress.get(partition)
        if progress is None or len(progress.open) < SURELY_FITS:
            return False
        if progress.last is None or progress.last + 1 < progress.restored.end:
            return False
        commit_map = progress.commit_map()
        return commit_map is not None and not fits(encoded_bytes(commit_map))

    def committable(self) -> dict[Partition, Mark]:
        """What to commit per partition, where it moved since the last `committed`."""
        marks = {partition: progress.mark() for partition, progress in self._progress.items()}
        return {
            partition: mark
            for partition, mark in marks.items()
            if mark is not None and mark != self._progress[partition].committed
        }

    def committed(self, partition: Partition, mark: Mark) -> None:
        """Remember what the broker acknowledged; nothing when that assignment is gone."""
        progress = self._progress.get(partition)
        if progress is not None and progress.epoch == mark.epoch:
            progress.committed = mark

    def lag(self, partition: Partition, *, end_offset: int) -> tuple[int, int]:
        """Records up to the broker's `end_offset`: behind the committed offset, and of those still open."""
        progress = self._progress.get(partition)
        commit_map = progress.commit_map() if progress else None
        if progress is None or commit_map is None:
            return 0, 0
        committed = progress.committed.offset if progress.committed else commit_map.base
        unseen = max(0, end_offset - commit_map.end)
        return max(0, end_offset - committed), unseen + len(commit_map.open)

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The partitions of the current assignment that have delivered, or restored, anything."""
        return tuple(self._progress)

    @property
    def open_records(self) -> int:
        """How many delivered records are not finished."""
        return sum(len(progress.open) for progress in self._progress.values())

    @property
    def oldest_open_ms(self) -> int | None:
        """The record timestamp of the oldest record that is not finished."""
        return min((min(progress.open.values()) for progress in self._progress.values() if progress.open), default=None)
