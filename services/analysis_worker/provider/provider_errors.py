"""Pure: what the provider said when it refused (status, headers, body or error object) in, one leaf of errors.py out.

The rules are provider.md §4b, keyed on `error.code` and the message; the status decides only where both are silent.
Three ways of arrival: a JSON body under a 4xx or 5xx, an error object inside a 200 stream, and a 4xx or 5xx whose body
is itself formatted as a stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import orjson

from analysis_worker.errors import (
    AnalysisError,
    ContentFiltered,
    Failed,
    MediaFetchFailed,
    ModelMissing,
    ModelQuotaUsed,
    ProviderBilling,
    ProviderDown,
    ProviderRefused,
    ProviderThrottled,
    ProviderUnauthorized,
    ProviderUnavailable,
    Retryable,
)
from analysis_worker.provider.sse import SseDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

# provider.md §4b: TPS/TPM quota "clears within the minute"; asking sooner meets the same answer.
QUOTA_FLOOR_SECONDS: Final = 60.0
_MAX_MESSAGE_CHARACTERS: Final = 1_000
_DOWN_STATUSES: Final = frozenset({502, 503, 504})
_MAX_BODY_BYTES: Final = 1024 * 1024
# A Retry-After beyond a day is a broken clock or a broken proxy, not advice.
_MAX_RETRY_AFTER_SECONDS: Final = 86_400.0

Leaf = type[Failed] | type[Retryable]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row: matches when the code and the message do; `floor_seconds` is the least wait before the next try,
    `max_tries` how many calls it is worth (provider.md §4b).
    """

    leaf: Leaf
    code: str = ""
    text: str = ""
    floor_seconds: float | None = None
    max_tries: int | None = None

    def matches(self, code: str, message: str) -> bool:
        """Tell whether this row speaks of that error (both patterns match anywhere, in any case)."""
        return _found(self.code, code) and _found(self.text, message)


def _found(pattern: str, value: str) -> bool:
    return not pattern or re.search(pattern, value, re.IGNORECASE) is not None


# The first match wins, so the narrow rows stand above the wide ones. Source: provider.md §4b, row by row.
RULES: Final[tuple[Rule, ...]] = (
    # Money: the same call fails until somebody pays.
    Rule(leaf=ModelQuotaUsed, text=r"free allocated quota exceeded|free tier of the model has been exhausted"),
    Rule(leaf=ModelQuotaUsed, code=r"FreeTierOnly|Unpurchased"),
    Rule(leaf=ProviderBilling, code=r"Arrearage|CommodityNotPurchased|(Pre|Post)paidBillOverdue"),
    Rule(leaf=ProviderBilling, text=r"account is in good standing"),
    # Moderation: the same input fails again.
    Rule(leaf=ContentFiltered, code=r"data_?inspection_?failed"),
    Rule(leaf=ContentFiltered, text=r"data may contain inappropriate content"),
    # Key or region.
    Rule(leaf=ProviderUnauthorized, code=r"invalid_?api_?key"),
    Rule(leaf=ProviderUnauthorized, text=r"(invalid|incorrect) api[- ]?key"),
    # This model, for this account.
    Rule(leaf=ModelMissing, code=r"model_?not_?found|model_not_supported|^Model\.AccessDenied$"),
    Rule(leaf=ModelMissing, text=r"^(<\d+> )?([\w.]+: )?model (not exist|can not be found)"),
    # Throttles; the quota class needs its minute (oh-my-pi PR 8476: succeeds again about 60 s later).
    Rule(leaf=ProviderThrottled, code=r"AllocationQuota|insufficient_quota", floor_seconds=QUOTA_FLOOR_SECONDS),
    Rule(
        leaf=ProviderThrottled,
        text=r"allocated quota exceeded|exceeded your current quota",
        floor_seconds=QUOTA_FLOOR_SECONDS,
    ),
    Rule(leaf=ProviderUnavailable, code=r"ModelServingError"),
    Rule(leaf=ProviderThrottled, code=r"Throttling|limit_?requests|limit_burst_rate|rate_limit"),
    Rule(leaf=ProviderThrottled, text=r"requests rate limit exceeded|requests throttling triggered"),
    Rule(leaf=ProviderThrottled, text=r"too many requests in route|request rate increased too quickly"),
    # The provider could not get the media from the URL we signed: signing anew or waiting may help.
    Rule(leaf=MediaFetchFailed, text=r"failed to download multimodal|download multimodal file timed out", max_tries=3),
    Rule(leaf=MediaFetchFailed, text=r"(unable to )?download the media resource( timed out)?", max_tries=3),
    # The signature ran out: every call signs anew, so once more is enough to know.
    Rule(leaf=MediaFetchFailed, text=r"don't have authorization to access the media resource", max_tries=2),
    # A 500 that speaks of the client's data, not of the server.
    Rule(leaf=ProviderRefused, text=r"missing content-length of multimodal url|list index out of range"),
    # Servers in trouble.
    Rule(leaf=ProviderUnavailable, text=r"inference internal error|rejected by inference engine"),
    Rule(leaf=ProviderUnavailable, text=r"receive batching backend response failed"),
    Rule(leaf=ProviderUnavailable, code=r"^internal_?error$", max_tries=3),
    Rule(leaf=ProviderUnavailable, code=r"^internal_?error\.Algo$"),
    Rule(
        leaf=ProviderUnavailable,
        code=r"^(SystemError|ModelServiceFailed|RequestTimeOut|ModelUnavailable|server_error)$",
    ),
    Rule(leaf=ProviderUnavailable, text=r"throttled due to system capacity limits|model is unavailable"),
)


def classify_response(
    *, http_status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None
) -> AnalysisError:
    """Return the leaf for a non-2xx answer; never raises, whatever the body is.

    `now` (aware) is only needed for a Retry-After that is a date.
    """
    retry_after_seconds = read_retry_after(headers, now=now)
    error = _error_in_body(body[:_MAX_BODY_BYTES])
    if error is None:
        # A gateway's page: the status is all there is to go by.
        error = {"message": body[:2_000].decode("utf-8", errors="replace").strip() or "no body"}
    return classify_error_object(error, http_status=http_status, retry_after_seconds=retry_after_seconds)


def classify_error_object(
    error: Mapping[str, object], *, http_status: int = 200, retry_after_seconds: float | None = None
) -> AnalysisError:
    """Return the leaf for an error object (`{code, message, type, …}`), also one inside a 200 stream."""
    code = _text(error.get("code")) or _text(error.get("type"))
    message = _text(error.get("message"))
    rule = next((rule for rule in RULES if rule.matches(code, message)), None)
    leaf = rule.leaf if rule else _leaf_of_status(_status_meant(http_status, code, message), code)
    if leaf is ProviderUnavailable and http_status in _DOWN_STATUSES:
        leaf = ProviderDown
    said = safe_text(message) or "no message"
    text = f"the provider answered {http_status}{f' {code}' if code else ''}: {said}{_remedy(leaf)}"
    if issubclass(leaf, Retryable):
        floor_seconds = rule.floor_seconds if rule else None
        wait_seconds = max((s for s in (retry_after_seconds, floor_seconds) if s is not None), default=None)
        return leaf(
            text,
            retry_after_seconds=wait_seconds,
            max_tries=rule.max_tries if rule else None,
            provider_code=code or None,
            http_status=http_status,
        )
    return leaf(text, provider_code=code or None, http_status=http_status)


def is_of_account(fault: AnalysisError) -> bool:
    """Tell whether every request would meet it: the key or the account is refused, not this request or its model."""
    return isinstance(fault, ProviderUnauthorized | ProviderBilling) and not isinstance(fault, ModelQuotaUsed)


def error_object_of(document: object) -> Mapping[str, object] | None:
    """Return the error object of a decoded body or stream event: `{"error": {…}}`, `{"error": "…"}` or native
    `{"code", "message"}`; None when the document is no error.
    """
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {"code": document.get("code"), "message": error}
    # The native shape has neither choices nor usage (provider.md §4a).
    if isinstance(document.get("message"), str) and document.get("code") and "choices" not in document:
        return document
    return None


def read_retry_after(headers: Mapping[str, str], *, now: datetime | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 §10.2.3: seconds or a date), None without a usable one."""
    value = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return min(float(value), _MAX_RETRY_AFTER_SECONDS)
    if not value or now is None:
        return None
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def safe_text(message: str) -> str:
    """Return the message without keys and without the query of URLs: it travels in events and logs (law 9)."""
    without_keys = re.sub(r"\bsk-[\w*.-]{4,}", "sk-…", message[: 4 * _MAX_MESSAGE_CHARACTERS])
    without_signatures = re.sub(r"(https?://[^\s?\"']{1,2000})\?[^\s\"']*", r"\1?…", without_keys)
    # A data URI echoed back would be media in a log.
    without_media = re.sub(r"(data:[\w/+.;-]{0,100}base64,)[A-Za-z0-9+/=]+", r"\1…", without_signatures)
    return without_media[:_MAX_MESSAGE_CHARACTERS].strip()


def _error_in_body(body: bytes) -> Mapping[str, object] | None:
    return next((error for error in map(error_object_of, _documents(body)) if error is not None), None)


def _documents(body: bytes) -> Iterator[object]:
    """Yield the body as JSON or, failing that, the events of a body formatted as a stream."""
    try:
        yield orjson.loads(body)
    except orjson.JSONDecodeError:
        decoder = SseDecoder()
        for data in decoder.feed(body) + decoder.finish():
            try:
                yield orjson.loads(data)
            except orjson.JSONDecodeError:
                continue


def _status_meant(http_status: int, code: str, message: str) -> int:
    """Return the status that an error inside a 200 stream names: as its code, or as the prefix `<400> …`
    (provider.md §4a).
    """
    named = re.match(r"([45]\d\d)$", code) or re.match(r"<([45]\d\d)>", message)
    return int(named[1]) if named and http_status == 200 else http_status  # noqa: PLR2004


def _leaf_of_status(http_status: int, code: str) -> Leaf:
    """Return the leaf where neither code nor message is known."""
    if http_status == 401:  # noqa: PLR2004 - the statuses are their own names
        return ProviderUnauthorized
    if http_status == 402:  # noqa: PLR2004
        return ProviderBilling
    if http_status == 429:  # noqa: PLR2004
        return ProviderThrottled
    if http_status in {408, 425} or http_status >= 500:  # noqa: PLR2004
        return ProviderUnavailable
    if http_status == 200 and not code:  # noqa: PLR2004
        # An error object in a running stream that gives no reason: the stream broke, the request is not to blame.
        return ProviderUnavailable
    return ProviderRefused


def _remedy(leaf: Leaf) -> str:
    if leaf is ProviderUnauthorized:
        return " (check MODEL_API_KEY, and that it belongs to the region of MODEL_BASE_URL)"
    if issubclass(leaf, ProviderBilling):
        return " (settle the account or activate the model in the provider's console)"
    if leaf is MediaFetchFailed:
        return " (check that S3_PUBLIC_ENDPOINT can be reached from the internet)"
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
