"""A stack in; requests on its requested topic out, by confluent-kafka with headers by hand, as a foreign team would."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from media_contracts.topics import REQUESTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analysis_devstack.stack import Stack

SOURCE = "/drills"
_FLUSH_SECONDS = 120
EVENT_HEADERS: dict[str, bytes] = {
    "ce_specversion": b"1.0",
    "ce_type": REQUESTED.encode(),
    "ce_source": SOURCE.encode(),
    "content-type": b"application/json",
}


def request_of(request_id: str, *, marker: str = "", **fields: Any) -> dict[str, Any]:
    """A request without media; the id stands in the instruction, so that the simulator's calls can be told apart."""
    return {"request_id": request_id, "instruction": f"Say {request_id}. {marker}".strip(), **fields}


def ids_of(prefix: str, count: int) -> list[str]:
    """Names of that many requests."""
    return [f"{prefix}-{number:06d}" for number in range(count)]


def _named(headers: Mapping[str, bytes], key: bytes | None) -> list[tuple[str, str | bytes | None]]:
    # CloudEvents demands an id; the key's will do, because the identity does not depend on it.
    return [*headers.items(), *([("ce_id", key)] if headers and key else [])]


class Publisher:
    """Writes records; `undelivered` counts those that the broker refused."""

    def __init__(self, stack: Stack) -> None:
        servers = stack.environment["KAFKA_BOOTSTRAP_SERVERS"]
        idempotent = stack.environment.get("KAFKA_PRODUCER_IDEMPOTENCE", "true") == "true"
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "acks": "all",
                "enable.idempotence": idempotent,
                "message.max.bytes": 8 * 1024**2,
                "linger.ms": 5,
            }
        )
        self.undelivered: list[str] = []

    async def publish(
        self, requests: Iterable[Mapping[str, Any]], *, partition: int | None = None, topic: str = REQUESTED
    ) -> None:
        """Publish requests in binary mode and wait until the broker has them all."""
        records = [(one["request_id"].encode(), json.dumps(one).encode()) for one in requests]
        await asyncio.to_thread(self._send, records, EVENT_HEADERS, partition, topic)

    async def publish_raw(
        self,
        records: Sequence[tuple[bytes | None, bytes | None]],
        *,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
        topic: str = REQUESTED,
    ) -> None:
        """Publish any keys and values at all."""
        await asyncio.to_thread(self._send, records, headers or {}, partition, topic)

    def _send(
        self,
        records: Sequence[tuple[bytes | None, bytes | None]],
        headers: Mapping[str, bytes],
        partition: int | None,
        topic: str,
    ) -> None:
        where: dict[str, Any] = {} if partition is None else {"partition": partition}
        for key, value in records:
            while True:
                try:
                    self._producer.produce(
                        topic, value, key, headers=_named(headers, key), on_delivery=self._note, **where
                    )
                    break
                except BufferError:  # its queue is full
                    self._producer.poll(0.1)
        left = self._producer.flush(_FLUSH_SECONDS)
        if left or self.undelivered:
            raise AssertionError(f"{left} records not acknowledged; {self.undelivered[:3]}")

    def _note(self, error: Any, message: Any) -> None:
        if error is not None:
            self.undelivered.append(f"{message.key()!r}: {error}")
