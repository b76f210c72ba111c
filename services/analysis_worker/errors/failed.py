"""Pure: what is completed as *failed*: another try of the same request would not help, or is not allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis_worker.errors.base import AnalysisError

if TYPE_CHECKING:
    from media_contracts import Fault


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


class ModelMissing(ProviderRefused):
    """The provider has no such model, or not for this account: another model may do."""


class ModelQuotaUsed(ProviderBilling):
    """This model was not bought or its free quota is used up: another model may do, and other requests may."""


class ContentFiltered(Failed):
    """The provider's moderation refused input or output."""

    code = "content_filtered"


class ReductionFailed(Failed):
    """The segments were answered, and no one answer could be made out of them; the message names the last call's fault."""

    code = "reduction_failed"


class AnswerTruncated(Failed):
    """The answer ended with `finish_reason: length`; a prefix is never called a success."""

    code = "answer_truncated"


class AnswerNotJson(Failed):
    """The whole answer is no JSON document."""

    code = "answer_not_json"


class AnswerWrongShape(Failed):
    """JSON that does not fit the schema, or has duplicate keys or integers beyond 2^53-1; `faults` by path."""

    code = "answer_wrong_shape"

    def __init__(
        self,
        message: str,
        *,
        faults: tuple[Fault, ...] = (),
        provider_code: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, provider_code=provider_code, http_status=http_status)
        self.faults = faults


class AnswerEmpty(Failed):
    """The model finished without a word."""

    code = "answer_empty"
