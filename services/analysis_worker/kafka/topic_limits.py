"""Topics in, their `max.message.bytes` as the broker tells it out; what it does not tell is left out, with a log line."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from analysis_worker.kafka.connection import connection_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.settings import KafkaSettings

log = logging.getLogger(__name__)
PROPERTY: Final = "max.message.bytes"
SECONDS: Final = 10


async def read_topic_limits(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, int]:
    """The most bytes that each topic takes a record batch; one that is missing or that we may not describe is left out.

    Needs `DescribeConfigs` on the topics where the broker has ACLs. Never raises: the setting stands in.
    """
    limits: dict[str, int] = {}
    why = "the broker does not tell"
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    try:
        async with asyncio.timeout(SECONDS):
            await admin.start()
            # Only what is there: describing a missing topic creates it where the broker auto-creates (seen with Tansu).
            there = set(await admin.list_topics()) & set(topics)
            limits = await _described(admin, sorted(there))
    except (KafkaError, TimeoutError, OSError) as error:
        why = f"{type(error).__name__}: {error}"
    finally:
        await admin.close()
    for topic in topics:
        if topic not in limits:
            log.warning(
                "limit unknown, KAFKA_MAX_MESSAGE_BYTES stands in",
                extra={"event": "topic_limit_unknown", "topic": topic, "error": why},
            )
    return limits


async def _described(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, int]:
    if not topics:
        return {}
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in topics])
    # A resource is (error code, error message, type, name, entries); an entry begins with name and value.
    found = {
        resource[3]: entry[1]
        for response in responses
        for resource in response.resources
        for entry in resource[4]
        if resource[0] == 0 and entry[0] == PROPERTY
    }
    return {name: int(value) for name, value in found.items() if value and value.isdigit()}
