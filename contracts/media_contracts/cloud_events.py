"""Pure: from a Kafka record to its CloudEvents attributes and data, in binary, structured or plain JSON mode."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, from_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from media_contracts.documents import parse_json
from media_contracts.instants import parse_instant
from media_contracts.records import ContractError, Fault, Headers, KafkaRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

PREFIX: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
_STRUCTURED: Final = "application/cloudevents"
_STRUCTURED_JSON: Final = "application/cloudevents+json"
_REQUIRED: Final = ("specversion", "id", "source", "type")
_INSTANTS: Final = ("time", "expirytime")
_MISSING: Final = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What a record says about its event; `faults` are those of its attributes, `data_fault` that of its bytes."""

    type: str | None
    source: str
    event_id: str | None
    time: datetime | None
    expires_at: datetime | None
    subject: str | None
    document: Any
    """The data as parsed JSON, None when it could not be parsed."""
    faults: tuple[Fault, ...]
    data_fault: ContractError | None


def open_envelope(record: KafkaRecord) -> Envelope:
    """Return the record's envelope, its faults inside; only ContractError `empty_record` is raised.

    The mode is that of the CloudEvents Kafka binding 1.0, §3: structured when the content type starts with
    `application/cloudevents`, else binary. A record without any `ce_` header is plain JSON, whose source is
    `urn:kafka:{topic}` and which has no id.
    """
    if not record.value:
        raise ContractError("empty_record", (Fault(path="", message="the record has no value: nothing is requested"),))
    attributes, faults = _read_headers(record.headers)
    content_type = attributes.get(CONTENT_TYPE, "").strip().lower()
    if content_type.startswith(_STRUCTURED):
        # In structured mode `ce_*` headers only repeat the value (Kafka binding §3.3): theirs are no faults.
        return _open_structured(record.value, content_type, [fault for fault in faults if fault.path == CONTENT_TYPE])
    if not attributes.keys() - {CONTENT_TYPE} and not any(fault.path.startswith(PREFIX) for fault in faults):
        return _without_attributes(f"urn:kafka:{record.topic}", faults, *_parse(record.value))
    return _open_binary(attributes, record.value, faults)


def _read_headers(headers: Headers) -> tuple[dict[str, str], list[Fault]]:
    """Return the texts of `ce_*` and `content-type` by lower-case name; foreign headers are not even looked at."""
    texts: dict[str, str] = {}
    faults: list[Fault] = []
    seen: set[str] = set()
    for name, value in headers:
        lower = name.lower()
        if lower != CONTENT_TYPE and not lower.startswith(PREFIX):
            continue
        if lower in seen:
            faults.append(Fault(path=lower, message="the header is repeated: which one counts?"))
            texts.pop(lower, None)
        elif value is None:
            faults.append(Fault(path=lower, message="the header is null: leave it out"))
        else:
            try:
                texts[lower] = value.decode()
            except UnicodeDecodeError:
                faults.append(Fault(path=lower, message=f"the header is not UTF-8: {value[:40]!r}"))
        seen.add(lower)
    return texts, faults


def _open_binary(headers: Mapping[str, str], value: bytes, faults: list[Fault]) -> Envelope:
    document, data_fault = _parse(value)
    attributes = {name.removeprefix(PREFIX): text for name, text in headers.items() if name != CONTENT_TYPE}

    def build(accepted: Mapping[str, Any]) -> CloudEvent:
        # No key and no value: the SDK refuses keys that are not UTF-8, and parses JSON less strictly than we do.
        wire = {PREFIX + name: text.encode() for name, text in accepted.items()}
        return from_binary(KafkaMessage(wire, None, b""), JSONFormat(), CloudEvent)  # type: ignore[return-value]  # the factory's type

    return _envelope(attributes, faults, build, document, data_fault)


def _open_structured(value: bytes, content_type: str, faults: list[Fault]) -> Envelope:
    event, body_fault = _parse(value)
    if content_type.partition(";")[0].strip() != _STRUCTURED_JSON:
        faults.append(Fault(path=CONTENT_TYPE, message=f"{content_type!r} is not read: write {_STRUCTURED_JSON}"))
    if body_fault is None and not isinstance(event, dict):
        message = "a structured event is a JSON object; Kafka has no batches"
        body_fault = ContractError("invalid_cloudevent", (Fault(path="", message=message),))
    if body_fault is not None:
        return _without_attributes("", faults, None, body_fault)
    # Null means absent in the JSON format (CloudEvents JSON format 1.0 §2.2); the SDK refuses it instead.
    members = {name: item for name, item in event.items() if item is not None}
    document = members.get("data")
    # `data_base64` stays, so that the SDK decodes it; beside `data` it is refused as a name that no extension has.
    attributes = {name: item for name, item in members.items() if name != "data"}

    def build(accepted: Mapping[str, Any]) -> CloudEvent:
        both = {"data": True} if document is not None else {}
        body = json.dumps({**accepted, **both}).encode()
        return from_structured(KafkaMessage({}, None, body), JSONFormat(), CloudEvent)  # type: ignore[return-value]  # the factory's type

    return _envelope(attributes, faults, build, document, None)


def _without_attributes(source: str, faults: list[Fault], document: Any, data_fault: ContractError | None) -> Envelope:
    return Envelope(
        type=None,
        source=source,
        event_id=None,
        time=None,
        expires_at=None,
        subject=None,
        document=document,
        faults=tuple(faults),
        data_fault=data_fault,
    )


def _envelope(
    attributes: Mapping[str, Any],
    faults: list[Fault],
    build: Callable[[Mapping[str, Any]], CloudEvent],
    document: Any,
    data_fault: ContractError | None,
) -> Envelope:
    """Return the envelope of attributes that the SDK accepted; what it would invent or misread is checked first."""
    instants, own_faults = _check(attributes, {fault.path for fault in faults})
    faults = [*faults, *own_faults]
    bad = {fault.path.removeprefix(PREFIX) for fault in own_faults}
    accepted = {name: item for name, item in attributes.items() if name not in bad}
    event: CloudEvent | None = None
    try:
        event = build(accepted)
    except CloudEventValidationError as error:
        known = {fault.path for fault in faults}
        for name, causes in error.errors.items():
            if (path := PREFIX + name) not in known:
                faults.append(Fault(path=path, message="; ".join(str(cause) for cause in causes)))
    except (ValueError, TypeError, AttributeError) as error:
        # The SDK parses before it validates, and lets out whatever its parsers raise.
        faults.append(Fault(path="", message=f"the CloudEvents SDK refuses the event: {error}"))
    if event is not None and document is None and isinstance(data := event.get_data(), bytes) and data:
        # Only `data_base64` comes as bytes.
        document, data_fault = _parse(data)
    return Envelope(
        type=accepted.get("type"),
        source=accepted.get("source", ""),
        event_id=accepted.get("id"),
        time=instants.get("time"),
        expires_at=instants.get("expirytime"),
        subject=accepted.get("subject"),
        document=document,
        faults=tuple(faults),
        data_fault=data_fault,
    )


def _check(attributes: Mapping[str, Any], reported: set[str]) -> tuple[dict[str, datetime], list[Fault]]:
    """Return the instants, and faults of attributes that the SDK invents when absent or reads too freely."""
    faults: list[Fault] = []
    instants: dict[str, datetime] = {}
    for name in _REQUIRED:
        item = attributes.get(name, _MISSING)
        if item is _MISSING and PREFIX + name not in reported:
            faults.append(Fault(path=PREFIX + name, message="a CloudEvent needs it and it is missing"))
        elif item is not _MISSING and (not isinstance(item, str) or not item):
            faults.append(Fault(path=PREFIX + name, message=f"must be text that is not empty, not {item!r}"))
    if (version := attributes.get("specversion", "1.0")) != "1.0" and isinstance(version, str) and version:
        faults.append(Fault(path="ce_specversion", message=f"{version!r} is not read: write 1.0"))
    for name in _INSTANTS:
        if (item := attributes.get(name)) is not None:
            try:
                instants[name] = parse_instant(item if isinstance(item, str) else repr(item))
            except ValueError as error:
                faults.append(Fault(path=PREFIX + name, message=str(error)))
    return instants, faults


def _parse(value: bytes) -> tuple[Any, ContractError | None]:
    try:
        return parse_json(value), None
    except ContractError as error:
        return None, error
