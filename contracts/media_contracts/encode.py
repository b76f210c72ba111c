"""Pure: from events to Kafka records, CloudEvents binary mode; an answer's JSON text is passed on byte for byte."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cloudevents.core.bindings.kafka import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from media_contracts import topics
from media_contracts.documents import find_inexact_integers, parse_json
from media_contracts.instants import format_instant, to_milliseconds
from media_contracts.records import ContractError, KafkaRecord
from media_contracts.requested import AnalysisRequested
from media_contracts.trace_context import trace_context_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from media_contracts.completed import AnalysisCompleted
    from media_contracts.values import Value

_NO_EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType({})


def encode_event(
    *,
    type: str,  # noqa: A002  the CloudEvents name
    data: Value,
    event_id: str,
    source: str,
    time: datetime,
    topic: str,
    key: bytes | None,
    subject: str | None = None,
    extensions: Mapping[str, str] = _NO_EXTENSIONS,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> KafkaRecord:
    """Return the record of an event in binary mode.

    `time` is cut to milliseconds. A request is written without the fields that have their default value, other events
    with all of theirs. Raises cloudevents' CloudEventValidationError for attributes that are no CloudEvent's.
    """
    return _record(
        value=data.model_dump_json(exclude_defaults=isinstance(data, AnalysisRequested)).encode(),
        attributes={**extensions, "type": type, "id": event_id, "source": source, "subject": subject},
        time=time,
        topic=topic,
        key=key,
        trace=(traceparent, tracestate),
    )


def encode_completed(
    data: AnalysisCompleted,
    *,
    result_json: bytes | None,
    event_id: str,
    source: str,
    time: datetime,
    topic: str = topics.COMPLETED,
    key: bytes | None,
    subject: str | None = None,
    extensions: Mapping[str, str] = _NO_EXTENSIONS,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> KafkaRecord:
    """Return the record of a completion whose `result` is the JSON text `result_json`, unchanged (1.10 stays 1.10).

    The text becomes the last field of the data; `data.result` must be the same document, parsed. None writes
    `data.result` itself. Raises ValueError when the two differ, ContractError when the text is no
    strict JSON or has integers beyond 2^53-1.
    """
    if faults := find_inexact_integers(data.result, ("result",)):
        raise ContractError("invalid_completion", tuple(faults))
    if result_json is None:
        value = data.model_dump_json().encode()
    else:
        if parse_json(result_json) != data.result:
            raise ValueError("result_json is another document than data.result: pass the text that it was parsed from")
        value = data.model_dump_json(exclude={"result"}).encode()[:-1] + b',"result":' + result_json + b"}"
    return _record(
        value=value,
        attributes={**extensions, "type": topics.COMPLETED, "id": event_id, "source": source, "subject": subject},
        time=time,
        topic=topic,
        key=key,
        trace=(traceparent, tracestate),
    )


def _record(
    *,
    value: bytes,
    attributes: Mapping[str, str | None],
    time: datetime,
    topic: str,
    key: bytes | None,
    trace: tuple[str | None, str | None],
) -> KafkaRecord:
    given = {name: text for name, text in attributes.items() if text is not None}
    event = CloudEvent(
        {"specversion": "1.0", **given, "time": to_milliseconds(time), "datacontenttype": "application/json"}, value
    )
    headers = to_binary(event, JSONFormat(), key_mapper=lambda _: None).headers
    # The SDK writes microseconds, or none at all for a whole second; instants here have milliseconds.
    headers["ce_time"] = format_instant(time).encode()
    return KafkaRecord(topic=topic, key=key, value=value, headers=(*headers.items(), *trace_context_headers(*trace)))
