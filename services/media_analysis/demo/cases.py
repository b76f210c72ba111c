"""Pure: one thing that the demo sends, and how it has to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_contracts import AnalysisRequested


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """How a case has to end: one of the outcomes and, unless it succeeded, one of the codes; `words` say it."""

    outcomes: tuple[str, ...]
    codes: tuple[str, ...] = ()
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One thing that is sent. `request` is None for a record that is no request: then `raw` is its value.

    `repeats` is the number of the case with the same request; `after_answer` sends it once that one was answered.
    """

    number: int
    title: str
    expected: Expected
    request: AnalysisRequested | None = None
    raw: bytes = b""
    expired: bool = False
    repeats: int | None = None
    after_answer: bool = False
    samples: tuple[str, ...] = ()
    """What it shows, for thumbnails."""

    @property
    def name(self) -> str:
        """The request's id, or words for a record that has none."""
        return self.request.request_id if self.request else "(no request)"
