"""Pure: completions in, what was asked, used and paid per tenant, model, profile or label out.

Each request counts once, however often its completion was published, by its completion id. Attempts are what is summed:
a request's tokens and cost belong to the models that were called, and its outcome to the one that ended it. Amounts of
different currencies are never added; a price that is unknown is counted as such and is not zero (law 6).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from media_contracts import Identity, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from media_contracts import AnalysisCompleted, Money

AXES: Final = ("tenant", "model", "profile")
LABEL: Final = "label:"
NONE: Final = "-"
"""What stands for a request without model, profile or that label."""
INPUTS: Final = ("text", "image", "video", "audio")
OUTPUTS: Final = ("text", "audio", "reasoning")
_BESIDE: Final = frozenset({"reduce", "speech"})
"""Kinds of attempts that are made of answers; a repair is of what it repairs."""
COUNTS: Final = (
    "requests", "succeeded", "failed", "rejected", "calls",
    "input_tokens", *(f"input_{name}" for name in INPUTS), "input_unsplit", "cached_input_tokens",
    "output_tokens", *(f"output_{name}" for name in OUTPUTS), "output_unsplit",
    "estimated_tokens", "wasted_tokens", "unpriced_calls",
)  # fmt: skip
"""All numbers of a row. `*_unsplit`: tokens whose modality nobody reported; `estimated_tokens`: the part of all tokens
that nobody reported; `wasted_tokens`: those of attempts that led nowhere."""


@dataclass(kw_only=True, slots=True)
class Sums:
    """The sums of some attempts and requests, which grow; `cost` and `wasted` by currency."""

    counts: Counter[str] = field(default_factory=Counter)
    cost: dict[str, Decimal] = field(default_factory=dict)
    wasted: dict[str, Decimal] = field(default_factory=dict)

    @property
    def estimated_share(self) -> float:
        """The part of all tokens that was estimated, from 0 to 1; 0 without tokens."""
        tokens = self.counts["input_tokens"] + self.counts["output_tokens"]
        return self.counts["estimated_tokens"] / tokens if tokens else 0.0

    def add(self, other: Sums) -> None:
        """Add the other's numbers to these."""
        self.counts.update(other.counts)
        for mine, theirs in ((self.cost, other.cost), (self.wasted, other.wasted)):
            for currency, amount in theirs.items():
                mine[currency] = mine.get(currency, Decimal(0)) + amount


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One group: its value on each axis, in the order of the axes."""

    keys: tuple[str, ...]
    sums: Sums


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """All groups in order of their keys, and all of them together; `repeats` are completions that were not counted."""

    axes: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Sums
    repeats: int


def tally(
    completions: Iterable[AnalysisCompleted],
    *,
    axes: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
) -> Tally:
    """Sum up the requests that were completed from `since` on and before `until`.

    `axes` are of AXES or `label:NAME`. Of completions with one identity the first counts: they are the same.
    """
    seen: set[str] = set()
    groups: dict[tuple[str, ...], Sums] = {}
    total, repeats = Sums(), 0
    for done in completions:
        if (since is not None and done.completed_at < since) or (until is not None and done.completed_at >= until):
            continue
        if (number := completion_id(done)) in seen:
            repeats += 1
            continue
        seen.add(number)
        for model, sums in _parts(done):
            groups.setdefault(tuple(_key(done, axis, model) for axis in axes), Sums()).add(sums)
            total.add(sums)
    rows = tuple(Row(keys=keys, sums=groups[keys]) for keys in sorted(groups))
    return Tally(axes=tuple(axes), rows=rows, total=total, repeats=repeats)


def completion_id(done: AnalysisCompleted) -> str:
    """Return the id that every copy of a completion has, also one that came without its `ce_id`."""
    request = done.request
    identity = Identity(tenant=done.tenant, source=request.source, request_id=done.request_id, rerun=request.rerun)
    return identity.completion_id()


def _key(done: AnalysisCompleted, axis: str, model: str) -> str:
    match axis:
        case "tenant":
            return done.tenant
        case "model":
            return model
        case "profile":
            return done.profile.name if done.profile else NONE
        case _:
            return done.labels.get(axis.removeprefix(LABEL), NONE)


def _parts(done: AnalysisCompleted) -> Iterator[tuple[str, Sums]]:
    """Yield the request under the model that ended it, then each attempt under its own."""
    yield done.model or NONE, Sums(counts=Counter({"requests": 1, done.outcome: 1}))
    if not done.attempts and done.usage != Usage.none():
        # The contract leaves room for it; the worker writes attempts whenever it has made a call.
        cost = {done.cost.currency: done.cost.decimal} if done.cost else {}
        yield done.model or NONE, _spent(done.usage, cost, is_wasted=done.outcome != "succeeded")
    useful = _useful(done)
    for attempt in done.attempts:
        yield attempt.model, _spent(attempt.usage, _amount(attempt.cost), is_wasted=attempt.number not in useful)


def _useful(done: AnalysisCompleted) -> set[int]:
    """The numbers of the attempts whose answers are in the result; all others led nowhere.

    A good answer may be discarded as well: that of a segment when another model begins anew, and that of a start which
    ended before it had recorded it, so that a later one asked again.
    """
    if done.outcome != "succeeded":
        return set()
    last: dict[tuple[int | None, str], int] = {}
    for attempt in sorted(done.attempts, key=lambda attempt: attempt.number):
        is_left = attempt.segment is not None and attempt.model != done.model
        if attempt.outcome == "succeeded" and not is_left:
            step = attempt.kind if attempt.kind in _BESIDE else ""
            last[attempt.segment, step] = attempt.number
    return set(last.values())


def _amount(cost: Money | None) -> dict[str, Decimal]:
    return {} if cost is None else {cost.currency: cost.decimal}


def _spent(usage: Usage, cost: dict[str, Decimal], *, is_wasted: bool) -> Sums:
    inputs = {f"input_{name}": getattr(usage.input, name) for name in INPUTS}
    outputs = {f"output_{name}": getattr(usage.output, name) for name in OUTPUTS}
    counts = Counter({name: tokens for name, tokens in {**inputs, **outputs}.items() if tokens})
    counts["input_unsplit"] = usage.input_tokens - sum(tokens or 0 for tokens in inputs.values())
    counts["output_unsplit"] = usage.output_tokens - sum(tokens or 0 for tokens in outputs.values())
    counts["input_tokens"], counts["output_tokens"] = usage.input_tokens, usage.output_tokens
    counts["cached_input_tokens"] = usage.cached_input_tokens or 0
    counts["calls"] = usage.calls
    counts["estimated_tokens"] = usage.estimated.input_tokens + usage.estimated.output_tokens
    counts["wasted_tokens"] = usage.total_tokens if is_wasted else 0
    counts["unpriced_calls"] = usage.calls if not cost and usage.total_tokens else 0
    return Sums(counts=counts, cost=cost, wasted=dict(cost) if is_wasted else {})
