"""Pure: the root of everything that can go wrong, and the ends that are no completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from media_contracts import KafkaRecord


class AnalysisError(Exception):
    """The root: `code` is stable and published, the message shows the value and the remedy."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, provider_code: str | None = None, http_status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.provider_code = provider_code
        self.http_status = http_status


class DeadLettered(AnalysisError):
    """The record is no valid request; `reason` is the code of the `dead-letter-reason` header."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class PutOff(AnalysisError):
    """The request is tried again later: `copy` is what to send to a retry topic, `fault` how its last call ended."""

    code = "put_off"

    def __init__(self, fault: AnalysisError, copy: KafkaRecord) -> None:
        super().__init__(fault.message, provider_code=fault.provider_code, http_status=fault.http_status)
        self.fault = fault
        self.copy = copy


class PlanAnew(AnalysisError):
    """The ladder's next step is not the same model's with the same media; `fault` is how the last call ended.

    `less_media`: ask for less at a time; otherwise the next model of the request.
    """

    code = "plan_anew"

    def __init__(self, fault: AnalysisError, *, less_media: bool) -> None:
        super().__init__(fault.message, provider_code=fault.provider_code, http_status=fault.http_status)
        self.fault = fault
        self.less_media = less_media


class LedgerUnreadable(AnalysisError):
    """A ledger document of a later release, or one whose bytes are broken: whether the request was paid is unknown.

    Nothing is asked, nothing is completed and nothing stops: the record waits until a person has mended the object.
    """

    code = "ledger_unreadable"


class Stopped(AnalysisError):
    """The worker stops: broken settings, or a store that ignores conditional writes."""

    code = "stopped"


class RecordTooLarge(Stopped):
    """A record that its topic does not take even by reference, or that the broker refused for its size.

    A completion ends as a dead letter then; a dead letter stops the worker, because there is nowhere left to put it.
    """

    code = "record_too_large"
