"""Pure: the event that asks for an analysis, `media.analysis.requested.v1`."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from media_contracts.instants import Instant
from media_contracts.money import Money
from media_contracts.values import LARGEST_INTEGER, Count, Labels, RequestId, Seconds, Tenant, Value, utf8_at_most

MAX_TEXT_BYTES: Final = 64 * 1024
MAX_SCHEMA_DEPTH: Final = 32
MAX_TURNS: Final = 64

Name = Annotated[str, Field(min_length=1, max_length=128)]
Bucket = Annotated[str, Field(min_length=1, max_length=255)]
# S3 keys are at most 1,024 bytes of UTF-8 (Amazon S3 user guide, "Object key naming").
ObjectKey = Annotated[str, Field(min_length=1, max_length=1024), utf8_at_most(1024)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=4096)]


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


def _check_schema_size(schema: dict[str, Any]) -> dict[str, Any]:
    size_bytes = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode())
    if size_bytes > MAX_TEXT_BYTES:
        raise ValueError(f"{size_bytes} bytes of compact JSON, at most {MAX_TEXT_BYTES} are allowed")
    if (depth := _depth(schema)) > MAX_SCHEMA_DEPTH:
        raise ValueError(f"nested {depth} deep, at most {MAX_SCHEMA_DEPTH} are allowed")
    return schema


class Clip(Value):
    """The part of a sound or film that is meant."""

    start_seconds: Seconds
    end_seconds: Seconds

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        return self.with_faults(
            [("/end_seconds", f"end_seconds {self.end_seconds} must be after start_seconds {self.start_seconds}")]
            if self.end_seconds <= self.start_seconds
            else []
        )


class MediaItem(Value):
    """One medium: an object of the store, or a URL where URLs are allowed; `frames` is a list of either."""

    kind: Literal["image", "audio", "video", "frames"]
    bucket: Bucket | None = None
    key: ObjectKey | None = None
    keys: Annotated[tuple[ObjectKey, ...], Field(min_length=1)] | None = None
    """The frames' keys, in order."""
    url: Url | None = None
    urls: Annotated[tuple[Url, ...], Field(min_length=1)] | None = None
    """The frames' URLs, in order."""
    version_id: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    content_type: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    clip: Clip | None = None
    """Only for audio and video."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Frames per second at which the frames were taken; only for frames."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        return self.with_faults(_media_faults(self))


def _media_faults(item: MediaItem) -> Iterator[tuple[str, str]]:
    frames = item.kind == "frames"
    wanted = ("keys", "urls") if frames else ("key", "url")
    for name in ("key", "url") if frames else ("keys", "urls"):
        if getattr(item, name) is not None:
            yield f"/{name}", f"media of kind {item.kind} has {wanted[0]} (with bucket) or {wanted[1]}, not {name}"
    stored, linked = getattr(item, wanted[0]) is not None, getattr(item, wanted[1]) is not None
    if stored == linked:
        yield (
            "",
            f"name the medium by bucket and {wanted[0]}, or by {wanted[1]}: {'not both' if stored else 'one is missing'}",
        )
    if stored and item.bucket is None:
        yield "/bucket", f"{wanted[0]} needs the bucket that holds it"
    if linked and not stored and item.bucket is not None:
        yield "/bucket", f"bucket belongs to {wanted[0]}, and this medium has {wanted[1]}"
    if item.version_id is not None and item.key is None:
        yield "/version_id", "a version belongs to one bucket and key"
    if item.clip is not None and item.kind not in {"audio", "video"}:
        yield "/clip", f"only audio and video can be clipped, not {item.kind}"
    if item.fps is not None and not frames:
        yield "/fps", f"only frames have fps, not {item.kind}"


class Reasoning(Value):
    """How much the model may think before it answers; what a model cannot do is rejected at planning."""

    enabled: bool | None = None
    effort: Annotated[str, Field(min_length=1, max_length=32, examples=["low", "medium", "high"])] | None = None
    budget_tokens: Count | None = None


class ModelChoice(Value):
    """Which model answers, and how; ranges are those of the model's card."""

    name: Name | None = None
    fallbacks: tuple[Name, ...] = ()
    """Models that are asked, in order, when the first cannot answer."""
    detail: Literal["quick", "extract", "standard", "fine"] = "standard"
    reasoning: Reasoning | None = None
    search: bool | None = None
    temperature: float | None = None
    seed: Annotated[int, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=LARGEST_INTEGER)] | None = None


class Speech(Value):
    """A spoken answer as well."""

    voice: Name
    model: Name | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$")] | None = None


class Turn(Value):
    """An earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    text: str
    media: tuple[MediaItem, ...] = ()


class Limits(Value):
    """What the request may cost and until when it is of use."""

    max_cost: Money | None = None
    max_input_tokens: Count | None = None
    deadline: Instant | None = None
    """The earlier of this and the CloudEvents attribute `expirytime` wins."""


class AnalysisRequested(Value):
    """A request to analyse media: the data of `media.analysis.requested.v1`."""

    request_id: RequestId
    """Idempotency key."""
    tenant: Tenant = "default"
    """Who pays."""
    rerun: Count = 0
    """Part of the identity, so that a failed request can be asked again."""
    media: tuple[MediaItem, ...] = ()
    """May be empty when there is an instruction."""
    profile: Name | None = None
    """A structured prompt with its schema; default by media kind."""
    instruction: Annotated[str, Field(max_length=MAX_TEXT_BYTES), utf8_at_most(MAX_TEXT_BYTES)] | None = None
    """Free text added to the profile's prompt, at most 64 KiB of UTF-8."""
    output_schema: Annotated[dict[str, Any], AfterValidator(_check_schema_size)] | None = None
    """JSON Schema that replaces the profile's, at most 64 KiB and 32 deep."""
    language: (
        Annotated[str, Field(pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", examples=["en", "zh-Hans"])] | None
    ) = None
    """BCP 47 tag for the answer."""
    model: ModelChoice = Field(default_factory=ModelChoice)
    speech: Speech | None = None
    history: Annotated[tuple[Turn, ...], Field(max_length=MAX_TURNS)] = ()
    limits: Limits = Field(default_factory=Limits)
    route: Literal["auto", "live", "batch", "transcribe"] = "auto"
    on_segment_failure: Literal["fail", "partial"] = "fail"
    progress: bool = False
    """True: publish partial results."""
    labels: Labels = Field(default_factory=dict)
    """Returned unchanged."""

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        return self.with_faults(
            [("/media", "nothing to analyse: give at least one medium, or an instruction")]
            if not self.media and not self.instruction
            else []
        )
