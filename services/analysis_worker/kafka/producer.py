"""Record in, the broker's acknowledgement out; aiokafka's send errors become ours here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from analysis_worker.errors import BrokerUnavailable
from analysis_worker.kafka.connection import connection_arguments

if TYPE_CHECKING:
    from analysis_worker.settings import KafkaSettings
    from media_contracts import KafkaRecord


class Producer:
    """Sends one record at a time and waits for all in-sync replicas."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. :raises BrokerUnavailable: when no broker answers."""
        settings = self._settings
        producer = AIOKafkaProducer(
            **connection_arguments(settings),
            acks="all",
            enable_idempotence=settings.producer_idempotence,
            max_request_size=settings.max_message_bytes,
            # The window decides how much is under way; waiting for company would only add latency.
            linger_ms=0,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise BrokerUnavailable(f"no Kafka broker answers: {error}: check KAFKA_BOOTSTRAP_SERVERS") from error
        self._producer = producer

    async def send(self, record: KafkaRecord) -> None:
        """Send and wait for the acknowledgement. :raises BrokerUnavailable: when there was none."""
        if self._producer is None:
            raise BrokerUnavailable("the producer was not started")
        try:
            await self._producer.send_and_wait(
                record.topic, value=record.value, key=record.key, headers=list(record.headers)
            )
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(f"{record.topic}: {type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """Flush and disconnect."""
        if self._producer is not None:
            await self._producer.stop()
