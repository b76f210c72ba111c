"""Pure: where outcomes go: ledger, results bucket, and how much a record of their topic may weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from analysis_worker.ledger import Ledger
    from analysis_worker.object_store import ObjectStore

HEADROOM_BYTES: Final = 16 * 1024
"""Kept free below the topic's limit for headers and framing."""


class Recorder:
    """Where outcomes go; `max_message_bytes` is what the completed topic takes."""

    def __init__(
        self, *, ledger: Ledger, store: ObjectStore, bucket: str, event_source: str, max_message_bytes: int
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.bucket = bucket
        self.event_source = event_source
        self.max_value_bytes = max_message_bytes - HEADROOM_BYTES
