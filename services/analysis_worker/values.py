"""Pure: the values that travel down the line, from the raw record to the recorded completion."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from analysis_worker.answers.schemas import OutputSchema
    from analysis_worker.catalogue import ModelCard
    from analysis_worker.cutting.shrink_pictures import PictureShrink
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.profiles import Profile
    from analysis_worker.prompt import Message
    from analysis_worker.provider.request_body import CallParameters
    from analysis_worker.speech import SpeechPlan
    from analysis_worker.tokens import InputTokens, PixelChoice
    from media_contracts import AnalysisRequested, Estimate, Identity, KafkaRecord, MediaItem, RequestedEvent


class Stage(StrEnum):
    """The stages of the line, as they are named in logs, spans and `error.stage`."""

    RECEIVE = "receive"
    RECALL = "recall"
    PLAN = "plan"
    FETCH = "fetch"
    ASK = "ask"
    VALIDATE = "validate"
    RECORD = "record"
    PUBLISH = "publish"


class Delivery(StrEnum):
    """How the bytes of a medium reach the model."""

    INLINE = "inline"
    PRESIGNED = "presigned"
    URL = "url"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """A record as the broker handed it over, untouched (DESIGN.md §5), and where it stood."""

    record: KafkaRecord
    partition: int
    offset: int
    timestamp_ms: int
    retries: int = 0
    """How often it was put off to a retry topic before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A valid request: whose it is, under which id it completes, until when it may run."""

    delivered: Delivered
    event: RequestedEvent
    identity: Identity
    completion_id: str
    fingerprint: str
    accepted_at: datetime
    deadline: datetime

    @property
    def request(self) -> AnalysisRequested:
        """The data of the event."""
        return self.event.data

    @property
    def ledger_prefix(self) -> str:
        """Where everything about this request is recorded."""
        return f"ledger/{self.identity.tenant}/{self.completion_id}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """What the store says of an object; `etag` pins every later read (law 9)."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size_bytes: int
    content_type: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedMedia:
    """One medium with its facts and the way it travels: objects of the store, or URLs that the model fetches itself."""

    item: MediaItem
    delivery: Delivery
    objects: tuple[StoredObject, ...] = ()
    urls: tuple[str, ...] = ()
    probed: ProbedMedia | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnalysisPlan:
    """What will be asked: allowed, within the model's limits and the budget."""

    model: str
    card: ModelCard
    profile: Profile
    schema: OutputSchema
    media: tuple[PlannedMedia, ...]
    messages: tuple[Message, ...]
    parameters: CallParameters
    pixels: PixelChoice
    """What is asked for beside the media."""
    input_tokens: InputTokens
    unseen_tokens: InputTokens
    """At most of the media that nobody here has looked at."""
    estimate: Estimate
    reasoning_tokens: int = 0
    """At most of its reasoning."""
    speech: SpeechPlan | None = None
    """How the answer is spoken, when that is asked for."""
    sound_bytes: int = 0
    """At most of a spoken answer, as it lies in scratch."""
    timelines: tuple[str, ...] = ()
    """Pointers to the answer's lists whose times must be in order (timeline.py)."""
    duration_seconds: float | None = None
    """The length of the one medium that the answer's times are of."""
    kind: str = "analysis"
    """What its attempts are."""
    segment: int | None = None
    """Which segment of a long medium it asks about."""
    reason: str | None = None
    """Why it is asked after something else (`Attempt.reason`)."""
    is_repair: bool = False
    """Whether it is asked because an answer to the same was not good."""
    prefix: str = field(default="", repr=False)
    """What a truncated answer has said already; the call asks for the rest."""
    can_lessen: bool = False
    """Whether it could be asked in pieces instead."""
    cut: CutPlan | None = None
    """How its long medium is cut; None: one call about the media as they are."""
    pictures: Mapping[int, PictureShrink] = field(default_factory=dict)
    """Which of the media are encoded smaller before they are sent, and how."""

    @property
    def max_output_tokens(self) -> int:
        """The longest answer that is asked for, reasoning and sound apart."""
        return self.parameters.max_tokens or self.card.context.max_output_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """An answer that was checked against the schema: its JSON text, unchanged."""

    json_text: str
    value: Any
