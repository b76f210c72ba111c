"""Pure: what calls were made and what the provider reported in, attempts with usage and cost out (law 6).

Unknown is never zero: an attempt that nobody closed counts its input estimate, and says that it is estimated.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from analysis_worker.abridgement import ABANDONED, MOST_LISTED, is_free, merged
from analysis_worker.errors import ModelUnknown, ProviderDown, ProviderUnavailable, ProviderUnreachable
from analysis_worker.long_media.reduce_call import KIND as REDUCE
from analysis_worker.prices import price, upper_bound
from analysis_worker.provider.usage import ReportedUsage, to_usage
from analysis_worker.speech import KIND as SPEECH
from analysis_worker.tokens import InputTokens
from analysis_worker.tries import REPAIR
from media_contracts import Attempt, Cost, Money, Usage
from media_contracts.money import format_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from analysis_worker.cards import TokenRule
    from analysis_worker.catalogue import Catalogue
    from analysis_worker.expectation import Expected
    from analysis_worker.ledger import SeenClaim
    from analysis_worker.ledger_format import OpenAttempt
    from analysis_worker.values import AnalysisPlan


ANALYSIS: Final = "analysis"
_SPEAKING: Final = frozenset({ANALYSIS, REPAIR})
_BOUGHT_NOTHING: Final = frozenset({ProviderUnavailable.code, ProviderDown.code})


class Accounts:
    """Prices attempts by the catalogue's list of one region."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        region: str,
        expected: Expected | None = None,
        today: Callable[[], date] | None = None,
    ) -> None:
        """`today` tells the day (UTC) whose prices hold; without it those hold that the catalogue starts from."""
        self._catalogue = catalogue
        self._region = region
        self._expected = expected
        self._today = today

    def expecting(self, expected: Expected) -> Accounts:
        """The same for one request, of which it is known what it can contain."""
        return Accounts(catalogue=self._catalogue, region=self._region, expected=expected, today=self._today)

    def close(
        self,
        opened: OpenAttempt,
        *,
        outcome: str,
        reported: ReportedUsage | None,
        unreported_tokens: int,
        asked: bool = True,
    ) -> Attempt:
        """The closed attempt: the provider's figures, or the estimate where it gave none.

        `unreported_tokens` is the output that no report counts: all that was seen, or what came after the report of a
        cut call. It is told as estimated.
        `asked` is False when the provider refused before it counted anything (4xx, 429, no connection): known zero.
        Without a connection there was not even a call.
        """
        if reported is None and not asked:
            usage = Usage.none().model_copy(update={"calls": int(outcome != ProviderUnreachable.code)})
        else:
            usage = to_usage(
                reported,
                estimated_input_tokens=opened.input_tokens,
                estimated_output_tokens=unreported_tokens,
                uncounted_output_tokens=unreported_tokens,
            )
        cost = self.cost(usage, model=opened.model, kind=opened.kind)
        return Attempt(
            number=opened.number,
            kind=opened.kind,
            segment=opened.segment,
            reason=opened.reason,
            model=opened.model,
            outcome=outcome,
            usage=usage,
            cost=Money(amount=cost.amount, currency=cost.currency) if cost else None,
            basis=_basis(usage),
        )

    def settle(self, claims: Sequence[SeenClaim]) -> tuple[Attempt, ...]:
        """All attempts of earlier starts; one left open is counted as *abandoned* by its estimate."""
        attempts: list[Attempt] = []
        for seen in claims:
            attempts += seen.document.closed
            attempts += [
                self.close(left, outcome=ABANDONED, reported=None, unreported_tokens=0) for left in seen.document.open
            ]
        return tuple(attempts)

    def rule_of(self, model: str) -> TokenRule | None:
        """How that model counts what it says; None for one without media, or one that is in no catalogue."""
        try:
            return self._catalogue.card(model).tokens
        except ModelUnknown:
            return None

    def cost(self, usage: Usage, *, model: str, kind: str = "analysis") -> Cost | None:
        """The price of one call's usage, or None when it is unknown; `kind` is the attempt's."""
        try:
            card = self._catalogue.card(model)
        except ModelUnknown:
            return None
        expected = self._expected
        reads, words_alone = kind == SPEECH, kind in {SPEECH, REDUCE}
        speaks = reads or bool(usage.output.audio) or (expected is not None and expected.speaks and kind in _SPEAKING)
        tokens = InputTokens(text=1) if words_alone else expected.tokens if expected else None
        return price(
            usage=usage,
            card=card,
            region=self._region,
            speech=speaks,
            expected=tokens,
            searches=None if not words_alone and expected and expected.searches and usage.output_tokens else 0,
            on=self._today() if self._today else None,
        )

    def bound(self, plan: AnalysisPlan) -> Money | None:
        """What one call by the plan may cost at most; None when a price is unknown."""
        return upper_bound(
            card=plan.card,
            region=self._region,
            expected=plan.input_tokens + plan.unseen_tokens,
            max_output_tokens=plan.max_output_tokens,
            max_reasoning_tokens=plan.reasoning_tokens,
            speech=plan.parameters.voice is not None,
            search=plan.parameters.search,
            on=self._today() if self._today else None,
        )

    def total(self, attempts: Sequence[Attempt]) -> Cost | None:
        """The price of all calls together; None when one of them has no price or they differ in currency."""
        costs = [self.cost(attempt.usage, model=attempt.model, kind=attempt.kind) for attempt in attempts]
        known = [cost for cost in costs if cost is not None]
        if not known or len(known) < len(costs) or len({cost.currency for cost in known}) > 1:
            return None
        by: dict[str, Decimal] = {}
        for cost in known:
            for part, amount in cost.by.items():
                by[part] = by.get(part, Decimal(0)) + Decimal(amount)
        first = known[0]
        return Cost(
            amount=format_amount(sum(by.values(), Decimal(0))),
            currency=first.currency,
            by={part: format_amount(amount) for part, amount in by.items()},
            price_list=", ".join(dict.fromkeys(cost.price_list for cost in known)),
            tariff=first.tariff,
        )


def _basis(usage: Usage) -> str:
    if usage.estimated.calls:
        return "estimated"
    return "mixed" if usage.estimated.output_tokens else "reported"


def listed(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """The attempts as a completion lists them: connections that were never made are one entry for each model.

    A provider that is away for the default deadline of a day is tried about 2,900 times, and 2,900 entries would fit
    no topic. The same goes for calls that were refused before they cost anything, once there are many.
    """
    many = len(attempts) > MOST_LISTED
    groups: dict[object, list[Attempt]] = {}
    for index, attempt in enumerate(attempts):
        alike = (attempt.model, attempt.kind, attempt.segment, attempt.outcome)
        groups.setdefault(alike if is_free(attempt) and (many or not attempt.usage.calls) else index, []).append(
            attempt
        )
    return tuple(merged(group) for group in groups.values())


def _bought_nothing(attempt: Attempt) -> bool:
    is_guess = attempt.basis == "estimated" and not attempt.usage.output_tokens
    return is_guess and attempt.outcome in _BOUGHT_NOTHING


def spent(attempts: Sequence[Attempt]) -> Money | None:
    """What the attempts so far have cost, as far as it counts against `max_cost`; None when nothing does.

    A server's error is billed as an estimate, for nobody knows; but an outage must not use up a request's budget. What
    was reported, or had an answer begun, was bought all the same.
    """
    costs = [one.cost for one in attempts if one.cost is not None and not _bought_nothing(one)]
    return Money.of(sum((cost.decimal for cost in costs), Decimal(0)), costs[0].currency) if costs else None
