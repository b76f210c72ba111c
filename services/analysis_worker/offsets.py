"""Pure: delivered and finished offsets in, the offset that may be committed out (law 3).

Offsets have gaps (transaction markers, compaction), so the prefix runs over *delivered* records, never over numbers.
An assignment has an epoch: what was delivered under an older one can no longer move anything (law 4).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """A topic and one of its partitions."""

    topic: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """One delivered record: where it stood, and in which assignment it was delivered."""

    partition: Partition
    offset: int
    epoch: int


@dataclass(kw_only=True, slots=True)
class _Progress:
    """One partition of the current assignment: what is open, in order, and what was committed."""

    epoch: int
    delivered: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)
    next_offset: int | None = None
    committed: int | None = None

    def advance(self) -> None:
        while self.delivered and self.delivered[0] in self.finished:
            offset = self.delivered.popleft()
            self.finished.discard(offset)
            self.next_offset = offset + 1


class Offsets:
    """The delivered records of the current assignment and their finished prefix, by partition."""

    def __init__(self) -> None:
        self._epoch = 0
        self._progress: dict[Partition, _Progress] = {}

    def revoke(self) -> None:
        """End the assignment: nothing of it may be committed any more, and the next one begins.

        It begins here and not when the new partitions are announced, because aiokafka may hand out their first
        records before its listener is awaited (conventions.md §3.8b).
        """
        self._epoch += 1
        self._progress = {}

    def deliver(self, partition: Partition, offset: int) -> Ticket:
        """Register a record before anything decodes it."""
        progress = self._progress.setdefault(partition, _Progress(epoch=self._epoch))
        progress.delivered.append(offset)
        return Ticket(partition=partition, offset=offset, epoch=progress.epoch)

    def finish(self, ticket: Ticket) -> bool:
        """Mark a record done; False when its assignment is gone, so that nothing of it will be committed."""
        progress = self._progress.get(ticket.partition)
        if progress is None or progress.epoch != ticket.epoch:
            return False
        progress.finished.add(ticket.offset)
        progress.advance()
        return True

    def committable(self) -> dict[Partition, int]:
        """The next offset to consume per partition, where it moved since the last `committed`."""
        return {
            partition: progress.next_offset
            for partition, progress in self._progress.items()
            if progress.next_offset is not None and progress.next_offset != progress.committed
        }

    def committed(self, partition: Partition, offset: int) -> None:
        """Remember what the broker acknowledged."""
        if partition in self._progress:
            self._progress[partition].committed = offset

    @property
    def open_records(self) -> int:
        """How many delivered records are not finished."""
        return sum(len(progress.delivered) - len(progress.finished) for progress in self._progress.values())
