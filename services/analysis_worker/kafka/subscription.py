"""Kafka settings in, FastStream's broker and its subscriber out: what is consumed, and how the group behaves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from analysis_worker.kafka.lenient_records import read_leniently
from analysis_worker.kafka.security import faststream_security
from media_contracts import topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiokafka import ConsumerRebalanceListener, ConsumerRecord

    from analysis_worker.settings import KafkaSettings

REBALANCE_MARGIN_SECONDS: Final = 25
"""How much longer than our own wait at a revoke the group waits for us to rejoin."""
HEARTBEATS_PER_SESSION: Final = 10


def subscribe(
    kafka: KafkaSettings,
    *,
    admit: Callable[[ConsumerRecord], Awaitable[None]],
    listener: ConsumerRebalanceListener,
    revoke_seconds: float,
) -> tuple[KafkaBroker, Any]:
    """Broker and subscriber, not started; `admit` is given every record as it came, one at a time."""
    read_leniently()
    broker = KafkaBroker(
        kafka.bootstrap_servers.split(","),
        security=faststream_security(kafka),
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=logging.getLogger("faststream"),
        client_id="media-analysis",
    )
    subscriber = broker.subscriber(
        *sorted({topics.REQUESTED, *kafka.tenant_topics, *(name for name, _ in topics.RETRY_TOPICS)}),
        group_id=kafka.group_id,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=kafka.fetch_max_wait_ms,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=max(1, kafka.session_timeout_ms // HEARTBEATS_PER_SESSION),
        max_poll_interval_ms=kafka.max_poll_interval_ms,
        rebalance_timeout_ms=int((revoke_seconds + REBALANCE_MARGIN_SECONDS) * 1000),
        listener=listener,
        parser=_pass_through,
        decoder=_raw_record,
        description="Requests to analyse media.",
    )
    subscriber(admit)
    return broker, subscriber


async def _pass_through(record: ConsumerRecord) -> KafkaMessage:
    return KafkaMessage(
        raw_message=record,
        body=b"",
        headers={},
        message_id=f"{record.topic}-{record.partition}-{record.offset}",
        correlation_id="",
        consumer=None,  # type: ignore[arg-type]  # nobody acknowledges through FastStream
    )


async def _raw_record(message: KafkaMessage) -> ConsumerRecord:
    return message.raw_message
