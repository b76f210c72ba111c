"""Pure: a Kafka record as a value, and what is wrong with one that is no event of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""Kafka headers as they were read: order, repeats, nulls and bytes kept."""

Reason: TypeAlias = Literal[
    "empty_record",
    "not_utf8",
    "not_json",
    "invalid_cloudevent",
    "unknown_event_type",
    "invalid_request",
    "invalid_completion",
    "invalid_progress",
]
"""Why a record is no event; those of requests are the `dead-letter-reason` of DESIGN.md §2, law 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KafkaRecord:
    """What any Kafka client reads or writes: no coordinates, only content."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong.

    `path` is a JSON Pointer into the data (`/media/0/kind`, empty for all of it), or the name of the CloudEvents
    attribute as its header spells it (`ce_time`, `content-type`), in structured mode too.
    """

    path: str
    message: str


class ContractError(ValueError):
    """The record is no valid event; `reason` is stable, `faults` are all that were found."""

    def __init__(self, reason: Reason, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{reason}: " + "; ".join(f"{fault.path or '(data)'}: {fault.message}" for fault in faults))
        self.reason = reason
        self.faults = faults
