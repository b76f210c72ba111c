"""Pure: where outcomes go: ledger, results bucket, and how much a record of a topic may weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis_worker.ledger import Ledger
    from analysis_worker.object_store import ObjectStore

HEADROOM_BYTES: Final = 16 * 1024
"""Kept free below the topic's limit: a trace context is added at each publication, and mirrors add headers of theirs."""


class Recorder:
    """Where outcomes go; `topic_bytes` says what a topic takes, which is known once the producer has started."""

    def __init__(
        self, *, ledger: Ledger, store: ObjectStore, bucket: str, event_source: str, topic_bytes: Callable[[str], int]
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.bucket = bucket
        self.event_source = event_source
        self._topic_bytes = topic_bytes

    def limit_bytes(self, topic: str) -> int:
        """What a record of that topic may weigh; what weighs more travels by reference."""
        return max(0, self._topic_bytes(topic) - HEADROOM_BYTES)
