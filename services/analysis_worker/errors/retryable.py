"""Pure: what may succeed when it is tried again; completed as *failed* when the tries or the time run out."""

from __future__ import annotations

from analysis_worker.errors.base import AnalysisError


class Retryable(AnalysisError):
    """The same call may succeed later; `max_tries` is how many calls in all its class is worth, if fewer than ours."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        max_tries: int | None = None,
        provider_code: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, provider_code=provider_code, http_status=http_status)
        self.retry_after_seconds = retry_after_seconds
        self.max_tries = max_tries


class ProviderThrottled(Retryable):
    """429 of a class that clears by itself; `retry_after_seconds` is at least the class's floor."""

    code = "provider_throttled"


class ProviderUnavailable(Retryable):
    """A fault of the provider's own: 500, or an error object inside a 200 stream that says so."""

    code = "provider_unavailable"


class ProviderDown(Retryable):
    """502, 503 or 504: the model's side is away, whatever is asked of it; it counts towards no request's tries."""

    code = "provider_down"


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


class ProbeUnavailable(Retryable):
    """No process could be started to read the media: this machine is short of memory, processes or descriptors."""

    code = "probe_unavailable"


class BrokerUnavailable(Retryable):
    """The broker did not acknowledge."""

    code = "broker_unavailable"
