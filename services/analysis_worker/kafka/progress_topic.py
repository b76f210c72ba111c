"""Progress events in, published soon or not at all; never an exception, and nothing that could hold up a completion.

It has a producer of its own: a topic that is missing, full or forbidden would otherwise spoil the one that completions
go through (producer.spoils). After a failure it is left alone for a while: a broker in trouble has enough to do.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer

from analysis_worker.kafka.connection import connection_arguments
from analysis_worker.kafka.producer import put_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis_worker.settings import KafkaSettings
    from media_contracts import KafkaRecord

log = logging.getLogger(__name__)
PUBLISH_SECONDS: Final = 5.0
QUIET_SECONDS: Final = 30.0
STOP_SECONDS: Final = 1.0


class ProgressTopic:
    """Publishes best effort; `count` is told of each event's fate: published, failed or dropped."""

    def __init__(
        self, settings: KafkaSettings, *, clock: Callable[[], float], count: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._count = count
        self._producer: Any = None  # aiokafka has no types
        self._starting = asyncio.Lock()
        self._quiet_until = clock()

    async def publish(self, record: KafkaRecord) -> None:
        """Publish, within `PUBLISH_SECONDS`; what fails is counted, and logged once until it works again."""
        if self._clock() < self._quiet_until:
            self._count("dropped")
            return
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                producer = await self._started()
                await producer.send_and_wait(
                    record.topic, value=record.value, key=record.key, headers=list(record.headers)
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, the request goes on without
            self._failed(record.topic, error)
        else:
            self._count("published")

    async def stop(self) -> None:
        """Disconnect; what is on its way may be lost."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await put_away(producer, seconds=STOP_SECONDS)

    def _failed(self, topic: str, error: Exception) -> None:
        self._count("failed")
        if self._clock() < self._quiet_until:  # others were under way when the first one failed
            return
        self._quiet_until = self._clock() + QUIET_SECONDS
        extra = {"event": "progress_lost", "topic": topic, "error": f"{type(error).__name__}: {error}"}
        log.warning("progress is not published for a while", extra=extra)

    async def _started(self) -> Any:
        async with self._starting:
            if self._producer is None:
                # No idempotence: it would let one refused event end the producer, and a repeat does no harm.
                producer = AIOKafkaProducer(
                    **connection_arguments(self._settings),
                    acks=1,
                    max_request_size=self._settings.max_message_bytes,
                    linger_ms=0,
                )
                try:
                    await producer.start()
                except BaseException:
                    await put_away(producer, seconds=STOP_SECONDS)
                    raise
                self._producer = producer
            return self._producer
