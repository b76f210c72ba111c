"""Pure: the event that ends a request, `media.analysis.completed.v1`; there is exactly one for each."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from media_contracts.instants import Instant
from media_contracts.money import SMALLEST, Amount, Money
from media_contracts.usage import Usage
from media_contracts.values import Count, Labels, RequestId, Seconds, Sha256, Tenant, Value


class RequestRef(Value):
    """Which request this is about."""

    source: str
    """`ce_source` of the request, or `urn:kafka:{topic}` for plain JSON."""
    event_id: str | None = None
    """`ce_id` of the request; null for plain JSON."""
    rerun: Count = 0
    accepted_at: Instant


class ResultRef(Value):
    """A result in the results bucket, because it was too large for the topic."""

    bucket: str
    key: str
    sha256: Sha256
    size_bytes: Count
    content_type: str = "application/json"


class Artifact(Value):
    """A file that came out of the analysis."""

    role: Annotated[str, Field(examples=["speech", "srt", "webvtt", "completion"])]
    bucket: str
    key: str
    sha256: Sha256
    size_bytes: Count
    content_type: str


class ErrorInfo(Value):
    """Why there is no result; the codes are listed in the contracts' README."""

    code: Annotated[str, Field(examples=["media_missing", "answer_truncated", "deadline_exceeded"])]
    message: str
    stage: Annotated[
        str, Field(examples=["receive", "recall", "plan", "fetch", "ask", "validate", "record", "publish"])
    ]
    retryable: bool
    """Whether the same request, with the next `rerun`, may succeed."""
    provider_code: str | None = None
    http_status: int | None = None


class WarningInfo(Value):
    """What the requester should know although it went well."""

    code: Annotated[str, Field(examples=["unknown_field", "price_unknown"])]
    path: str | None = None
    """JSON Pointer into the request's data."""
    message: str


class ProfileRef(Value):
    """The structured prompt that was used."""

    name: str
    version: str
    schema_sha256: Sha256


class Cost(Value):
    """What it cost, by the named price list; never converted into another currency."""

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    by: Annotated[dict[str, Amount], Field(examples=[{"input_text": "0.000015", "output_text": "0.000094"}])] = Field(
        default_factory=dict
    )
    """The amount's parts, by modality and `search`; open for readers."""
    price_list: str
    tariff: Annotated[str, Field(examples=["live", "batch"])] = "live"

    @property
    def decimal(self) -> Decimal:
        """The exact amount."""
        return Decimal(self.amount)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = sum((Decimal(part) for part in self.by.values()), Decimal(0))
        # Each part may have been rounded to the ninth decimal.
        off = bool(self.by) and abs(total - self.decimal) > SMALLEST * len(self.by)
        return self.with_faults([("/by", f"the parts sum to {total}, not to amount {self.amount}")] if off else [])


class Estimate(Value):
    """What was expected before the first call."""

    input_tokens: Count
    cost: Money | None = None
    """Null when a price is unknown."""


class Attempt(Value):
    """One call to a model, won, lost or cut off; or several alike, whose number is `usage.calls`."""

    number: Annotated[int, Field(ge=1)]
    kind: Annotated[str, Field(examples=["analysis", "segment", "reduce", "repair", "speech"])]
    segment: Count | None = None
    model: str
    outcome: Annotated[str, Field(examples=["succeeded", "failed", "cut", "cancelled"])]
    usage: Usage
    cost: Money | None = None
    basis: Annotated[str, Field(examples=["reported", "estimated", "mixed"])]
    """Where the usage comes from."""
    reason: (
        Annotated[str, Field(examples=["retry", "continue", "longer", "less_media", "faults", "fallback"])] | None
    ) = None
    """Why it was made after another, by what that one lacked; null, or left out, for the first."""

    @model_serializer(mode="wrap")
    def _without_null_reason(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What 0.1.0 wrote stays what it was, to the byte: completions and claims are compared and replayed.
        document: dict[str, Any] = dump(self)
        if document.get("reason") is None:
            document.pop("reason", None)
        return document


class SegmentInfo(Value):
    """One piece of a medium that was analysed in pieces."""

    index: Count
    media_index: Count
    start_seconds: Seconds
    end_seconds: Seconds
    outcome: Annotated[str, Field(examples=["succeeded", "failed", "cancelled"])]
    usage: Usage | None = None
    cost: Money | None = None
    error: ErrorInfo | None = None


class MediaInfo(Value):
    """What was found out about one medium of the request."""

    index: Count
    """Position in the request's `media`."""
    kind: Annotated[str, Field(examples=["image", "audio", "video", "frames"])]
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    etag: str | None = None
    content_type: str | None = None
    width: Count | None = None
    height: Count | None = None
    duration_seconds: Seconds | None = None
    fps: Seconds | None = None
    size_bytes: Count | None = None
    delivery: Annotated[str, Field(examples=["inline", "presigned", "segmented"])] | None = None


class Timings(Value):
    """Where the time went, in seconds; null for what did not take place."""

    queued_seconds: Seconds | None = None
    fetch_seconds: Seconds | None = None
    first_token_seconds: Seconds | None = None
    stream_seconds: Seconds | None = None
    total_seconds: Seconds | None = None


class WorkerInfo(Value):
    """Who did it."""

    name: str
    version: str


class AnalysisCompleted(Value):
    """The end of a request, whatever it was: the data of `media.analysis.completed.v1`."""

    request_id: RequestId
    tenant: Tenant
    labels: Labels = Field(default_factory=dict)
    request: RequestRef
    outcome: Literal["succeeded", "failed", "rejected"]
    """rejected: no call to a model was made."""
    coverage: Literal["complete", "partial"] = "complete"
    result: Any = None
    """Any JSON. On success it is here or behind `result_ref`."""
    result_ref: ResultRef | None = None
    artifacts: tuple[Artifact, ...] = ()
    error: ErrorInfo | None = None
    warnings: tuple[WarningInfo, ...] = ()
    profile: ProfileRef | None = None
    model: str | None = None
    finish_reason: Annotated[str, Field(examples=["stop", "length", "content_filter"])] | None = None
    usage: Usage
    cost: Cost | None = None
    """Null, with a warning, when a price is unknown."""
    estimate: Estimate | None = None
    attempts: tuple[Attempt, ...] = ()
    segments: tuple[SegmentInfo, ...] = ()
    media: tuple[MediaInfo, ...] = ()
    timings: Timings = Field(default_factory=Timings)
    trace_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    completed_at: Instant
    worker: WorkerInfo

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        return self.with_faults([*_outcome_faults(self), *_attempt_faults(self)])


def _outcome_faults(event: AnalysisCompleted) -> Iterator[tuple[str, str]]:
    if event.outcome == "succeeded":
        if event.error is not None:
            yield "/error", "a success has no error: use warnings"
        # A result may be JSON null, so what counts is whether it was given at all.
        if event.result is None and event.result_ref is None and "result" not in event.model_fields_set:
            yield "/result", "a success has a result or a result_ref"
        if event.result is not None and event.result_ref is not None:
            yield "/result_ref", "a result is in the event or behind result_ref, not both"
        return
    if event.error is None:
        yield "/error", f"outcome {event.outcome} needs an error with its code"
    for name in ("result", "result_ref"):
        if getattr(event, name) is not None:
            yield f"/{name}", f"outcome {event.outcome} has no result: a fragment is never called one"
    if event.outcome == "rejected" and event.attempts:
        yield "/attempts", f"rejected means that no model was called, and there are {len(event.attempts)} attempts"


def _attempt_faults(event: AnalysisCompleted) -> Iterator[tuple[str, str]]:
    if event.outcome == "rejected" and event.usage.calls:
        yield "/usage/calls", f"rejected means that no model was called, not {event.usage.calls} times"
    if not event.attempts:
        return
    total = Usage.sum(attempt.usage for attempt in event.attempts)
    if total != event.usage:
        for name in Usage.model_fields:
            if getattr(total, name) != (given := getattr(event.usage, name)):
                yield f"/usage/{name}", f"{given!r} is not the sum over attempts, {getattr(total, name)!r}"
