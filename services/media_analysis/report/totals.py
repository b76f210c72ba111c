"""Pure: the entries in; outcomes, tokens and cost by modality out, a repeated request counted once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Final

from media_contracts import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from media_analysis.report.values import Entry
    from media_contracts import AnalysisCompleted

OUTCOMES: Final = ("succeeded", "failed", "rejected", "dead letter", "no end")


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """The story in numbers; `cost` and its parts by currency, because amounts of two currencies are never added."""

    outcomes: Mapping[str, int]
    usage: Usage
    cost: Mapping[str, Decimal]
    parts: Mapping[str, Mapping[str, Decimal]]
    first_token_seconds: float | None
    """The median over the requests that had one."""
    calls_answered: int
    """Calls with tokens on the bill; those that the model's side refused cost nothing."""
    unpriced: int
    """Completions with calls but without a price."""

    @property
    def tokens_by_modality(self) -> tuple[tuple[str, int | None], ...]:
        """Name and tokens of each modality, inputs first."""
        given, made = self.usage.input, self.usage.output
        return (
            ("input text", given.text),
            ("input image", given.image),
            ("input video", given.video),
            ("input audio", given.audio),
            ("output text", made.text),
            ("output audio", made.audio),
            ("reasoning", made.reasoning),
        )


def outcome_of(entry: Entry) -> str:
    """Return how the entry ended, in one of the words of `OUTCOMES`."""
    if entry.completion is not None:
        return entry.completion.outcome
    return "dead letter" if entry.dead_letter is not None else "no end"


def add_up(entries: Iterable[Entry]) -> Totals:
    """Return the totals; an entry that repeats another counts as an outcome, not as usage or cost."""
    entries = tuple(entries)
    paid = [entry.completion for entry in entries if entry.completion is not None and entry.duplicate_of is None]
    waits = [done.timings.first_token_seconds for done in paid if done.timings.first_token_seconds is not None]
    counted = Counter(map(outcome_of, entries))
    return Totals(
        outcomes={name: counted[name] for name in OUTCOMES if counted[name]},
        usage=Usage.sum(done.usage for done in paid),
        cost={currency: sum(parts.values(), Decimal(0)) for currency, parts in _parts(paid).items()},
        parts=_parts(paid),
        first_token_seconds=median(waits) if waits else None,
        calls_answered=sum(attempt.usage.total_tokens > 0 for done in paid for attempt in done.attempts),
        unpriced=sum(done.cost is None and done.usage.calls > 0 for done in paid),
    )


def _parts(paid: Iterable[AnalysisCompleted]) -> dict[str, dict[str, Decimal]]:
    parts: dict[str, dict[str, Decimal]] = {}
    for cost in (done.cost for done in paid if done.cost is not None):
        of_currency = parts.setdefault(cost.currency, {})
        named = {name: Decimal(part) for name, part in cost.by.items()} or {"unsplit": cost.decimal}
        for name, part in named.items():
            of_currency[name] = of_currency.get(name, Decimal(0)) + part
    return parts
