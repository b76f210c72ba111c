"""Pure: what calls were estimated at and what the provider counted in, a factor per model out.

The factor is for people to see (`/metrics`, `media-analysis estimate --completions`). Nothing multiplies by it: a bill
is what the provider reported, and an estimate that is always off by the same share is a rule to mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_contracts import AnalysisCompleted

MEMORY_CALLS: Final = 1000
"""After so many calls the past counts half, so that the factor follows a provider that changes its rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What is known of one model; tokens of the input, summed over calls."""

    calls: int = 0
    estimated_tokens: float = 0
    actual_tokens: float = 0
    remembered: int = 0

    @property
    def factor(self) -> float | None:
        """Actual tokens for each estimated one; null before the first call."""
        return self.actual_tokens / self.estimated_tokens if self.estimated_tokens else None

    def with_call(self, *, estimated_tokens: int, actual_tokens: int) -> Calibration:
        """The same with one more call; large requests weigh more, because they cost more."""
        share = 0.5 if self.remembered >= MEMORY_CALLS else 1
        return Calibration(
            calls=self.calls + 1,
            estimated_tokens=self.estimated_tokens * share + estimated_tokens,
            actual_tokens=self.actual_tokens * share + actual_tokens,
            remembered=int(self.remembered * share) + 1,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One call whose input was estimated before and reported after."""

    model: str
    estimated_tokens: int
    actual_tokens: int


def comparisons(completion: AnalysisCompleted) -> Iterator[Comparison]:
    """The calls of a completion that can be compared: the plan's estimate is of one whole analysis by its last model."""
    if completion.estimate is None or not completion.estimate.input_tokens:
        return
    if any(medium.delivery == Delivery.URL for medium in completion.media):  # nobody here has looked at those
        return
    for attempt in completion.attempts:
        is_that_call = attempt.kind == "analysis" and attempt.model == completion.model and attempt.usage.calls == 1
        if is_that_call and attempt.basis == "reported" and attempt.usage.input_tokens:
            yield Comparison(
                model=attempt.model,
                estimated_tokens=completion.estimate.input_tokens,
                actual_tokens=attempt.usage.input_tokens,
            )
