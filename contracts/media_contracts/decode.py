"""Pure: from Kafka records to events: binary and structured CloudEvents and plain JSON, every fault reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from media_contracts import topics
from media_contracts.cloud_events import Envelope, open_envelope
from media_contracts.completed import AnalysisCompleted
from media_contracts.documents import find_unknown_fields, validate
from media_contracts.progress import AnalysisProgress
from media_contracts.records import ContractError, Fault, KafkaRecord, Reason
from media_contracts.requested import AnalysisRequested
from media_contracts.trace_context import read_trace_context
from media_contracts.values import Value

if TYPE_CHECKING:
    from datetime import datetime

DataT = TypeVar("DataT", bound=Value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event(Generic[DataT]):
    """A decoded event: its data, the CloudEvents attributes around it, and the trace that it belongs to."""

    data: DataT
    source: str
    """`ce_source`, or `urn:kafka:{topic}` for plain JSON."""
    event_id: str | None
    """`ce_id`; None for plain JSON."""
    time: datetime | None
    """`ce_time`; None when it was not given."""
    expires_at: datetime | None
    """The extension `expirytime`."""
    subject: str | None
    traceparent: str | None
    tracestate: str | None
    document: dict[str, Any]
    """The data as parsed JSON, unknown fields included."""
    unknown_fields: tuple[str, ...]
    """JSON Pointers of fields that this version does not know; they are ignored."""


class RequestedEvent(Event[AnalysisRequested]):
    """A request to analyse media."""

    __slots__ = ()


class CompletedEvent(Event[AnalysisCompleted]):
    """The end of a request."""

    __slots__ = ()


class ProgressEvent(Event[AnalysisProgress]):
    """What is known so far."""

    __slots__ = ()


def decode_requested(record: KafkaRecord) -> RequestedEvent:
    """Return the request in a record; raises ContractError with a stable reason and all faults."""
    return RequestedEvent(**_decode(record, AnalysisRequested, topics.REQUESTED, "invalid_request"))


def decode_completed(record: KafkaRecord) -> CompletedEvent:
    """Return the completion in a record; raises ContractError with a stable reason and all faults."""
    return CompletedEvent(**_decode(record, AnalysisCompleted, topics.COMPLETED, "invalid_completion"))


def decode_progress(record: KafkaRecord) -> ProgressEvent:
    """Return the progress report in a record; raises ContractError with a stable reason and all faults."""
    return ProgressEvent(**_decode(record, AnalysisProgress, topics.PROGRESS, "invalid_progress"))


def _decode(record: KafkaRecord, model: type[DataT], event_type: str, reason: Reason) -> dict[str, Any]:
    envelope = open_envelope(record)
    data = _check(envelope, model, event_type, reason)
    traceparent, tracestate = read_trace_context(record.headers)
    return {
        "data": data,
        "source": envelope.source,
        "event_id": envelope.event_id,
        "time": envelope.time,
        "expires_at": envelope.expires_at,
        "subject": envelope.subject,
        "traceparent": traceparent,
        "tracestate": tracestate,
        "document": envelope.document,
        "unknown_fields": find_unknown_fields(model, envelope.document),
    }


def _check(envelope: Envelope, model: type[DataT], event_type: str, reason: Reason) -> DataT:
    """Return the data, or raise one ContractError that holds the faults of the envelope and of the data."""
    foreign = envelope.type is not None and envelope.type != event_type
    faults = list(envelope.faults)
    if foreign:
        faults.append(Fault(path="ce_type", message=f"{envelope.type!r} is not expected here, only {event_type!r}"))
        # Data of another type has no faults that we could name.
        raise ContractError("invalid_cloudevent" if envelope.faults else "unknown_event_type", tuple(faults))
    try:
        if envelope.data_fault is not None:
            raise envelope.data_fault
        if envelope.document is None and envelope.event_id is not None:
            raise ContractError("empty_record", (Fault(path="", message="the event has no data"),))  # noqa: TRY301
        data = validate(model, envelope.document, reason)
    except ContractError as error:
        if not faults:
            raise
        raise ContractError("invalid_cloudevent", (*faults, *error.faults)) from error
    if faults:
        raise ContractError("invalid_cloudevent", tuple(faults))
    return data
