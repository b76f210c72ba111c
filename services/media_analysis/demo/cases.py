"""Pure: one thing that the demo sends, how it has to end, and the words of the story for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

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
    marks: tuple[tuple[str, float], ...] = ()
    """Of a long medium: words and the second at which the answer has to tell them."""

    @property
    def name(self) -> str:
        """The request's id, or words for a record that has none."""
        return self.request.request_id if self.request else "(no request)"


BUCKET: Final = "media"
ANSWERED: Final = Expected(outcomes=("succeeded",), words="an answer that fits the schema")
_OWN: Final = ("expired", "repeats", "after_answer", "marks")
Draft: TypeAlias = tuple[str, Expected, dict[str, Any]]
"""Title, expectation and fields of a case that has no number yet."""


def draft(title: str, expected: Expected, *, samples: tuple[str, ...] = (), **fields: Any) -> Draft:
    """Return a case to be numbered; `fields` are those of the request, but for the case's own."""
    own: dict[str, Any] = {name: fields.pop(name) for name in _OWN if name in fields}
    return title, expected, {**own, "request": AnalysisRequested(**fields), "samples": samples}
