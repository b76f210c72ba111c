"""Pure: everything that can go wrong, one leaf per cause; the leaf fixes what happens next.

AnalysisError
├── Rejected            completion `rejected`: no model call was made for it
│   ├── RequestExpired MediaForbidden MediaMissing MediaEmpty MediaUndecodable MediaTypeMismatch
│   ├── MediaTooLarge MediaTooMany MediaDimensions MediaDuration MediaKindUnsupported MediaMixUnsupported
│   └── ProfileUnknown ModelUnknown SchemaInvalid FeatureUnsupported ParameterInvalid
│       InputTooLong BudgetExceeded CurrencyMismatch
├── Failed              completion `failed`: asked, or worth no further call
│   ├── DeadlineExceeded WorkerCrashed InternalError MediaChanged
│   ├── ProviderUnauthorized ProviderBilling ProviderRefused ContentFiltered
│   └── AnswerTruncated AnswerNotJson AnswerWrongShape AnswerEmpty
├── Retryable           the same call may succeed later; completes as `failed` under its code when tries run out
│   ├── ProviderThrottled ProviderUnavailable ProviderUnreachable MediaFetchFailed
│   ├── FirstTokenTimeout StreamStalled StreamCut CallTimeout CallCancelled
│   └── StoreUnavailable BrokerUnavailable
├── DeadLettered        the record is no valid request: dead-letter topic with `reason`
└── Stopped             the worker cannot keep its promises here and stops with a remedy
"""

from __future__ import annotations

from typing import ClassVar


class AnalysisError(Exception):
    """The root: `code` is stable and published, the message shows the value and the remedy."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, provider_code: str | None = None, http_status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.provider_code = provider_code
        self.http_status = http_status


class Rejected(AnalysisError):
    """Complete as *rejected*: nothing was asked and nothing is owed."""


class RequestExpired(Rejected):
    """The deadline or `expirytime` passed before the first call."""

    code = "deadline_exceeded"


class MediaForbidden(Rejected):
    """The tenant may not read that bucket, prefix or host (`S3_ALLOWED`)."""

    code = "media_forbidden"


class MediaMissing(Rejected):
    """The object or version does not exist."""

    code = "media_missing"


class MediaEmpty(Rejected):
    """The object has no bytes."""

    code = "media_empty"


class MediaUndecodable(Rejected):
    """The bytes are no picture, sound or film that can be read, or killed the child that tried."""

    code = "media_undecodable"


class MediaTypeMismatch(Rejected):
    """The bytes are of another kind than the request says."""

    code = "media_type_mismatch"


class MediaTooLarge(Rejected):
    """More bytes than the model card allows for this kind and delivery."""

    code = "media_too_large"


class MediaTooMany(Rejected):
    """More files or frames of a kind than the model card allows."""

    code = "media_too_many"


class MediaDimensions(Rejected):
    """Sides or ratio outside the model card."""

    code = "media_dimensions"


class MediaDuration(Rejected):
    """Shorter or longer than the model card allows."""

    code = "media_duration"


class MediaKindUnsupported(Rejected):
    """The model, or this release, takes no media of this kind."""

    code = "media_kind_unsupported"


class MediaMixUnsupported(Rejected):
    """The model takes these kinds one at a time and this request cannot be spread."""

    code = "media_mix_unsupported"


class ProfileUnknown(Rejected):
    """No profile of that name is installed."""

    code = "profile_unknown"


class ModelUnknown(Rejected):
    """No card of that name is in the catalogue."""

    code = "model_unknown"


class SchemaInvalid(Rejected):
    """The output schema is no JSON Schema, too large, too deep, or refers elsewhere."""

    code = "schema_invalid"


class FeatureUnsupported(Rejected):
    """The model, or this release, lacks what the request asks for."""

    code = "feature_unsupported"


class ParameterInvalid(Rejected):
    """A model parameter is outside the card's range."""

    code = "parameter_invalid"


class InputTooLong(Rejected):
    """The estimate passes the model's context or `limits.max_input_tokens`."""

    code = "input_too_long"


class BudgetExceeded(Rejected):
    """The plan may cost more than what is left of `limits.max_cost`."""

    code = "budget_exceeded"


class CurrencyMismatch(Rejected):
    """The model is priced in another currency than `limits.max_cost`, or has no price."""

    code = "currency_mismatch"


class Failed(AnalysisError):
    """Complete as *failed*: another try of the same request would not help, or is not allowed."""


class DeadlineExceeded(Failed):
    """The deadline passed in mid-work."""

    code = "deadline_exceeded"


class WorkerCrashed(Failed):
    """Started `WORKER_MAX_STARTS` times without an end."""

    code = "worker_crashed"


class InternalError(Failed):
    """A fault of ours; the trace has the details."""

    code = "internal_error"


class MediaChanged(Failed):
    """The object changed under us again and again (412 on `If-Match`)."""

    code = "media_changed"


class ProviderUnauthorized(Failed):
    """401: key missing, wrong, or of another region (provider.md §4b)."""

    code = "provider_unauthorized"


class ProviderBilling(Failed):
    """Overdue account, exhausted free quota, model not bought (provider.md §4b)."""

    code = "provider_billing"


class ProviderRefused(Failed):
    """Another 4xx that the same request would meet again."""

    code = "provider_refused"


class ContentFiltered(Failed):
    """The provider's moderation refused input or output."""

    code = "content_filtered"


class AnswerTruncated(Failed):
    """The answer ended with `finish_reason: length`; a prefix is never called a success."""

    code = "answer_truncated"


class AnswerNotJson(Failed):
    """The whole answer is no JSON document."""

    code = "answer_not_json"


class AnswerWrongShape(Failed):
    """JSON that does not fit the schema, or has duplicate keys or integers beyond 2^53-1."""

    code = "answer_wrong_shape"


class AnswerEmpty(Failed):
    """The model finished without a word."""

    code = "answer_empty"


class Retryable(AnalysisError):
    """The same call may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        provider_code: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, provider_code=provider_code, http_status=http_status)
        self.retry_after_seconds = retry_after_seconds


class ProviderThrottled(Retryable):
    """429 of a class that clears by itself; `retry_after_seconds` is at least the class's floor."""

    code = "provider_throttled"


class ProviderUnavailable(Retryable):
    """5xx, or an error object inside a 200 stream that says so."""

    code = "provider_unavailable"


class ProviderUnreachable(Retryable):
    """No connection, or refused (httpx ConnectError and ConnectTimeout alike, conventions.md §3.9)."""

    code = "provider_unreachable"


class MediaFetchFailed(Retryable):
    """The provider could not download the URL we signed."""

    code = "media_fetch_failed"


class FirstTokenTimeout(Retryable):
    """Nothing arrived within the first-token time-out."""

    code = "first_token_timeout"


class StreamStalled(Retryable):
    """The stream fell silent between chunks."""

    code = "stream_stalled"


class StreamCut(Retryable):
    """The connection ended before a finish reason."""

    code = "stream_cut"


class CallTimeout(Retryable):
    """One call took longer than its total time-out."""

    code = "call_timeout"


class CallCancelled(Retryable):
    """Cut off by us: the deadline, or the end of a drain; only ever the outcome of an attempt."""

    code = "cancelled"


class StoreUnavailable(Retryable):
    """The object store did not answer, or answered 5xx."""

    code = "store_unavailable"


class BrokerUnavailable(Retryable):
    """The broker did not acknowledge."""

    code = "broker_unavailable"


class DeadLettered(AnalysisError):
    """The record is no valid request; `reason` is the code of the `dead-letter-reason` header."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Stopped(AnalysisError):
    """The worker stops: broken settings, or a store that ignores conditional writes."""

    code = "stopped"
