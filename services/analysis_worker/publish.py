"""A recorded completion, a dead letter or a copy for later in, the broker's acknowledgement out; it does not give up (law 1).

Only size ends it: what the topic does not take now it does not take later either.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind

from analysis_worker import telemetry as names
from analysis_worker.errors import BrokerUnavailable, RecordTooLarge
from analysis_worker.fault_status import names_fault
from analysis_worker.patience import PATIENT
from analysis_worker.propagation import with_trace
from analysis_worker.retry import next_delay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_worker.kafka.producer import Producer
    from media_contracts import KafkaRecord

log = logging.getLogger(__name__)


async def publish_completion(record: KafkaRecord, *, producer: Producer, links: tuple[Link, ...] = ()) -> None:
    """Publish what was recorded; only the trace context is that of this publication (law 2).

    :raises RecordTooLarge: when the topic does not take it; trying again would not help.
    """
    with _send_span(record, links=links):
        await _send(with_trace(record), producer=producer)


async def publish_unchanged(record: KafkaRecord, *, producer: Producer) -> None:
    """Publish a dead letter or a copy for later; its headers, trace context included, stay those of the original.

    :raises RecordTooLarge: when the topic does not take it; trying again would not help.
    """
    with _send_span(record, links=()):
        await _send(record, producer=producer)


@contextmanager
def _send_span(record: KafkaRecord, *, links: tuple[Link, ...]) -> Iterator[None]:
    attributes = {
        names.MESSAGING_SYSTEM: "kafka",
        names.MESSAGING_OPERATION_NAME: names.SEND,
        names.MESSAGING_OPERATION_TYPE: names.SEND,
        names.MESSAGING_DESTINATION: record.topic,
    }
    with (
        trace.get_tracer(names.SCOPE).start_as_current_span(
            f"{names.SEND} {record.topic}",
            kind=SpanKind.PRODUCER,
            attributes=attributes,
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        names_fault(span),
    ):
        yield


async def _send(record: KafkaRecord, *, producer: Producer) -> None:
    """Send until the broker acknowledges."""
    tries = 0
    while True:
        try:
            await producer.send(record)
        except RecordTooLarge as error:
            log.error(  # noqa: TRY400 - expected, and the message says it all
                "too large", extra={"event": "record_too_large", "topic": record.topic, "error": error.message}
            )
            raise
        except BrokerUnavailable as error:
            tries += 1
            chance = random.random()  # noqa: S311 - jitter, no secret
            delay = next_delay(attempt=tries, error=error, now=0, deadline=None, random=chance, policy=PATIENT)
            log.warning(
                "not acknowledged",
                extra={"event": "publish_retried", "topic": record.topic, "tries": tries, "error": error.message},
            )
            await asyncio.sleep(PATIENT.cap_seconds if delay is None else delay)
        else:
            return
