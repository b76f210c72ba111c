"""Pure: the topics' names, and their cards as shipped in this package."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from pydantic import TypeAdapter

from media_contracts.values import Value

REQUESTED: Final = "media.analysis.requested.v1"
COMPLETED: Final = "media.analysis.completed.v1"
PROGRESS: Final = "media.analysis.progress.v1"
RETRY_TOPICS: Final = (
    ("media.analysis.retry.30s.v1", 30),
    ("media.analysis.retry.5m.v1", 300),
    ("media.analysis.retry.1h.v1", 3600),
)
"""(name, fixed delay in seconds), shortest first."""
DEAD_LETTER: Final = "media.analysis.dead-letter.v1"
ALL: Final = (REQUESTED, COMPLETED, PROGRESS, *(name for name, _ in RETRY_TOPICS), DEAD_LETTER)


class TopicCard(Value):
    """What operators and other teams must know about a topic; the source is `contracts/topics/{name}.yaml`."""

    name: str
    purpose: str
    event_type: str | None
    """`ce_type` of its events; null when the topic carries other records' bytes."""
    schema_file: str | None
    """Name below `contracts/schemas/`."""
    key: str
    headers: dict[str, str]
    """Header → meaning."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    replication_factor: int
    """Of a production cluster; a single broker has 1."""
    cleanup_policy: str
    retention_ms: int
    max_message_bytes: int
    """Largest record batch that the topic takes."""
    delay_seconds: int | None = None
    """Of a retry topic."""

    @property
    def topic_configuration(self) -> dict[str, str]:
        """The topic's settings as Kafka names them."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
        }


@cache
def load_topic_cards() -> tuple[TopicCard, ...]:
    """Return the cards of all topics in the order of `ALL`, from the copy of `contracts/topics` in this package."""
    text = (resources.files("media_contracts") / "topic_cards.json").read_text(encoding="utf-8")
    return TypeAdapter(tuple[TopicCard, ...]).validate_json(text)
