"""Pure: what a report tells, as values: the requests, what came of each, their traces, and what was expected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from media_contracts import AnalysisCompleted


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A point in time within a span; `at_nanoseconds` since the epoch."""

    name: str
    at_nanoseconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span as OTLP tells it; times in nanoseconds since the epoch, `error` is the status message of a failed one."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_nanoseconds: int
    end_nanoseconds: int
    client: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A thumbnail as a `data:` URI, with the words for those who do not see it."""

    data_uri: str
    caption: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """A spoken answer as a `data:` URI, with words for it."""

    data_uri: str
    caption: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Subtitles:
    """The subtitle files of an answer and, where it is short, the medium that they are of, as `data:` URIs."""

    srt_uri: str
    webvtt_uri: str
    medium_uri: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A record that was no valid request: the reason's code and what was wrong in words."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of the story: what was sent, what was expected, what came.

    `completions` counts the completion events that were seen; `requested` is the data as it was sent (text when it was
    no JSON).
    """

    number: int
    request_id: str
    title: str
    expected: str
    as_expected: bool
    requested: Any
    pictures: tuple[Picture, ...] = ()
    strip: tuple[Picture, ...] = ()
    """Pictures out of a film in the order of time; the caption is the time."""
    sound: Sound | None = None
    subtitles: Subtitles | None = None
    told_first: str | None = None
    """Of an answer that was told while it grew: what was known first, and when."""
    completion: AnalysisCompleted | None = None
    completions: int = 0
    dead_letter: DeadLetter | None = None
    spans: tuple[Span, ...] = ()
    duplicate_of: int | None = None
    """The number of the entry that this one repeats: it shows the same completion, and its cost counts once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that had to hold, and what was seen."""

    claim: str
    holds: bool
    seen: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything the page shows; `answers_from` says in one sentence who answered, `simulated` whether that was no model."""

    title: str
    made_at: datetime
    simulated: bool
    answers_from: str
    entries: tuple[Entry, ...]
    checks: tuple[Check, ...] = ()
    seconds: float | None = None
    calls_counted: int | None = None
    """Calls that the model's side counted itself; null when it cannot be asked."""
    notes: tuple[str, ...] = ()
    """Origin and licence of what is shown, one line each."""
