"""Pure: a delivered record in, a `Job` out, or the reason why the record is no valid request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from analysis_worker.errors import DeadLettered
from analysis_worker.fingerprint import fingerprint
from analysis_worker.values import Delivered, Job
from media_contracts import ContractError, Identity, RequestedEvent, decode_requested

if TYPE_CHECKING:
    from collections.abc import Mapping


def receive(
    delivered: Delivered, *, now: datetime, tenant_topics: Mapping[str, str], default_deadline_seconds: float
) -> Job:
    """Decode a record; the tenant must be the one that its topic is bound to (law 9).

    :raises DeadLettered: with the contract's reason, or `tenant_forbidden`.
    """
    try:
        event = decode_requested(delivered.record)
    except ContractError as error:
        raise DeadLettered(str(error), reason=error.reason) from error
    topic = delivered.record.topic
    bound = tenant_topics.get(topic)
    tenant = event.data.tenant
    if bound is not None and tenant != bound:
        raise DeadLettered(
            f"tenant {tenant!r} may not use topic {topic!r}, which belongs to {bound!r}: use its own topic",
            reason="tenant_forbidden",
        )
    identity = Identity(tenant=tenant, source=event.source, request_id=event.data.request_id, rerun=event.data.rerun)
    return Job(
        delivered=delivered,
        event=event,
        identity=identity,
        completion_id=identity.completion_id(),
        fingerprint=fingerprint(event.document),
        accepted_at=now,
        deadline=_deadline(event, delivered=delivered, default_seconds=default_deadline_seconds),
    )


def _deadline(event: RequestedEvent, *, delivered: Delivered, default_seconds: float) -> datetime:
    """The earlier of `limits.deadline` and `expirytime`; without either, counted from the record's own timestamp."""
    limits = event.data.limits
    given = [instant for instant in (limits.deadline if limits else None, event.expires_at) if instant is not None]
    if given:
        return min(given)
    return datetime.fromtimestamp(delivered.timestamp_ms / 1000, UTC) + timedelta(seconds=default_seconds)
