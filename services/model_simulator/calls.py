"""What happens to each call in; the list of calls, as people and tests read it, out. Keys and media are not kept."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

_MAX_CALLS = 5_000
_TEXT_CHARACTERS = 200
_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key", "api-key"})

Status = Literal["running", "held", "finished", "cut", "refused", "error"]


@dataclass(kw_only=True, slots=True)
class Call:
    """One call from its first byte on; tokens as the provider would report (`usage`) and bill (`billed`) them.

    `status`: finished (everything was sent), cut (the stream ended early, by a fault or because the client left),
    refused (an error instead of an answer), error (an error inside a 200 stream), held and running until then.
    """

    id: str
    at: float
    headers: dict[str, str]
    model: str | None = None
    status: Status = "running"
    http_status: int | None = None
    fault: str | None = None
    error: dict[str, Any] | None = None
    texts: list[str] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    body_bytes: int = 0
    usage: dict[str, Any] | None = None
    billed: dict[str, int] = field(default_factory=lambda: {"input_tokens": 0, "output_tokens": 0})
    chunks: int = 0
    answer_characters: int = 0
    finish_reason: str | None = None
    finished: bool = False
    client_disconnected: bool = False
    ended_at: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The call as `GET /simulator/calls` shows it; `started_at` is `at` again, for readers of either name."""
        return asdict(self) | {"started_at": self.at}


class CallLog:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_MAX_CALLS)

    def open(self, *, call_id: str, at: float, headers: dict[str, str]) -> Call:
        """Begin the record of a call; its key is left out."""
        shown = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
        call = Call(id=call_id, at=at, headers=shown)
        self._calls.append(call)
        return call

    def as_json(self) -> list[dict[str, Any]]:
        """Every call."""
        return [call.as_json() for call in self._calls]

    def clear(self) -> int:
        """Forget every call that has ended; running ones stay, so that none is lost from sight."""
        kept = [call for call in self._calls if call.status in {"running", "held"}]
        count = len(self._calls) - len(kept)
        self._calls = deque(kept, maxlen=_MAX_CALLS)
        return count


def shortened(text: str) -> str:
    """The beginning of a text, enough to recognise it."""
    return text[:_TEXT_CHARACTERS]
