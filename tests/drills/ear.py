"""A stack in; what an independent consumer (confluent-kafka, its own thread) hears on completed and dead-letter, out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from media_contracts import load_topic_cards
from media_contracts.topics import COMPLETED, DEAD_LETTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_devstack.stack import Stack

_BATCH, _POLL_SECONDS = 500, 0.2


@dataclass(kw_only=True, slots=True)
class Completed:
    """One completion id: the first publication, and how often it came again, with the same bytes or others."""

    completion_id: str
    request_id: str
    rerun: int
    outcome: str
    error_code: str | None
    usage: dict[str, Any]
    attempts: list[dict[str, Any]]
    result_ref: dict[str, Any] | None
    digest: str
    value_bytes: int
    publications: int = 1
    differing: int = 0


@dataclass(kw_only=True, slots=True)
class Letter:
    """One dead letter, its value left out."""

    key: bytes | None
    headers: dict[str, str]
    value_bytes: int | None


@dataclass(kw_only=True)
class Ear:
    """What has been heard so far; read it from any thread."""

    completions: dict[str, Completed] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    keeps: bool = False
    """Whether the data of completions are kept; a drill with thousands of them does without."""
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a request's first completion says, by its id."""

    def heard_of(self, request_ids: set[str]) -> int:
        """How many of these requests have a completion."""
        return len(request_ids & {one.request_id for one in list(self.completions.values())})

    def of(self, request_id: str) -> list[Completed]:
        """The distinct completions of a request."""
        return [one for one in list(self.completions.values()) if one.request_id == request_id]

    @property
    def duplicates(self) -> int:
        """Publications beyond the first of each completion id."""
        return sum(one.publications - 1 for one in list(self.completions.values()))

    def take(self, message: Any) -> None:
        """Note one record."""
        headers = [
            (name, value) for name, value in message.headers() or [] if name not in {"traceparent", "tracestate"}
        ]
        if message.topic() == DEAD_LETTER:
            text = {name: (value or b"").decode(errors="replace") for name, value in headers}
            value = message.value()
            self.letters.append(
                Letter(key=message.key(), headers=text, value_bytes=None if value is None else len(value))
            )
            return
        digest = hashlib.sha256(repr((message.key(), message.value(), sorted(headers))).encode()).hexdigest()
        completion_id = dict(headers)["ce_id"].decode()
        known = self.completions.get(completion_id)
        if known is not None:
            known.publications += 1
            known.differing += digest != known.digest
            return
        value = message.value()
        data = json.loads(value)
        if self.keeps:
            self.data.setdefault(data["request_id"], data)
        self.completions[completion_id] = _read(completion_id, data, digest, value_bytes=len(value))


def _read(completion_id: str, data: dict[str, Any], digest: str, *, value_bytes: int) -> Completed:
    keys = ("number", "kind", "outcome", "basis")
    attempts = [
        {name: one.get(name) for name in keys}
        | {name: one["usage"][name] for name in ("input_tokens", "output_tokens") if one.get("usage")}
        for one in data.get("attempts") or []
    ]
    return Completed(
        completion_id=completion_id,
        request_id=data["request_id"],
        rerun=data["request"]["rerun"],
        outcome=data["outcome"],
        error_code=(data.get("error") or {}).get("code"),
        usage=data["usage"],
        attempts=attempts,
        result_ref=data.get("result_ref"),
        digest=digest,
        value_bytes=value_bytes,
    )


@contextlib.contextmanager
def open_ear(stack: Stack, *, servers: str | None = None, keeps: bool = False) -> Iterator[Ear]:
    """Hear everything from the beginning until the block ends; `servers`: the broker itself when a proxy stands before it."""
    # Assigned, not subscribed: no group, no rebalance, nothing that the workers' faults could touch.
    consumer = Consumer(
        {
            "bootstrap.servers": servers or stack.environment["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "drill-ear",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
            "reconnect.backoff.max.ms": 1000,
        }
    )
    consumer.assign(
        [
            TopicPartition(card.name, number, OFFSET_BEGINNING)
            for card in load_topic_cards()
            if card.name in {COMPLETED, DEAD_LETTER}
            for number in range(card.partitions)
        ]
    )
    ear, ending = Ear(keeps=keeps), threading.Event()

    def listen() -> None:
        while not ending.is_set():
            for message in consumer.consume(_BATCH, _POLL_SECONDS):
                if message.error() is not None:
                    ear.errors.append(str(message.error()))
                    continue
                try:
                    ear.take(message)
                except Exception as error:  # noqa: BLE001 — a drill must say what it could not read
                    ear.errors.append(f"{message.topic()}@{message.offset()}: {error!r}")

    thread = threading.Thread(target=listen, name="drill-ear", daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        ending.set()
        thread.join(10)
        consumer.close()
