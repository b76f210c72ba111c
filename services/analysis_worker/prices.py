"""Pure: usage and a model card in, the exact cost by modality out; null where a price is unknown, never zero.

Rules, from the provider's price pages and 002_7d3c51009fde6181.txt:
    every modality of the input has its own price, a film's pictures and sound are billed apart;
    with a spoken answer the audio is billed and the text beside it is free;
    the text of an answer costs more after media than after text alone, where the list says so;
    reasoning costs what text out costs; cached input has its own price where one is published;
    the Batch tariff is the live one times the list's factor.
Tokens whose modality was not reported are priced at the dearest they can have been and stand under
`input_unsplit` or `output_unsplit`, so that a reader sees an upper bound where the provider gave no split.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Final

from media_contracts import Cost, Money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from analysis_worker.cards import ModelCard, PriceList, Tariff
    from analysis_worker.tokens import InputTokens
    from media_contracts import Usage

DEFAULT_MARGIN: Final = Decimal("1.2")

_PER: Final = Decimal(1_000_000)
_SMALLEST: Final = Decimal("1e-9")  # Money has nine decimals
_MODALITIES: Final = ("text", "image", "video", "audio")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """Tokens under one heading of the bill; a null price is unknown."""

    name: str
    tokens: int
    price: Decimal | None


def price(
    *,
    usage: Usage,
    card: ModelCard,
    region: str,
    speech: bool,
    tariff: Tariff = "live",
    expected: InputTokens | None = None,
    searches: int | None = 0,
    on: date | None = None,
) -> Cost | None:
    """The cost of one call, `speech` being whether a spoken answer was asked for; null when a needed price is unknown.

    `expected` is the plan's estimate: a modality that the request did not contain cannot hide among unreported tokens.
    `searches` is null where the model could search and nobody says how often it did; `on` is the day (UTC) of the
    call. Tokens are priced per million; parts are exact to nine decimals and the amount is their sum.
    """
    prices = _list_for(card, region, tariff, on)
    if prices is None or (searches != 0 and (searches is None or prices.search_call is None)):
        return None
    lines = [*_input_lines(usage, prices, expected), *_output_lines(usage, prices, expected, speech=speech)]
    factor = Decimal(1) if tariff == "live" else prices.batch_factor or Decimal(1)
    by: dict[str, Decimal] = {}
    for line in lines:
        if line.tokens <= 0:
            continue
        if line.price is None:
            return None
        part = (line.tokens * line.price * factor / _PER).quantize(_SMALLEST)
        by[line.name] = by.get(line.name, Decimal(0)) + part
    if searches and prices.search_call is not None:
        by["search"] = (searches * prices.search_call * factor).quantize(_SMALLEST)
    total = Money.of(sum(by.values(), Decimal(0)), prices.currency)
    return Cost(
        amount=total.amount,
        currency=total.currency,
        by={name: Money.of(part, prices.currency).amount for name, part in by.items()},
        price_list=prices.name,
        tariff=tariff,
    )


def upper_bound(
    *,
    card: ModelCard,
    region: str,
    expected: InputTokens,
    max_output_tokens: int,
    max_reasoning_tokens: int = 0,
    speech: bool = False,
    search: bool = False,
    tariff: Tariff = "live",
    margin: Decimal = DEFAULT_MARGIN,
    on: date | None = None,
) -> Money | None:
    """What one call may cost at most: the input estimate times `margin` and every allowed token of the answer.

    Rounded up to the ninth decimal. Null when a price that may be needed is unknown: such a plan cannot keep a budget.
    A model that may search has no bound, because nothing bounds the number of its searches.
    """
    prices = _list_for(card, region, tariff, on)
    if prices is None or search:
        return None
    after = _output_text_price(prices, media=expected.total > expected.text)
    answer = _dearest([after, prices.output_audio]) if speech else after
    needed = [(getattr(expected, name), _input_price(prices, name), margin) for name in _MODALITIES]
    needed += [(max_output_tokens, answer, Decimal(1)), (max_reasoning_tokens, after, Decimal(1))]
    total = Decimal(0)
    for tokens, per_million, factor in needed:
        if tokens and per_million is None:
            return None
        total += tokens * (per_million or Decimal(0)) * factor / _PER
    if tariff == "batch":
        total *= prices.batch_factor or Decimal(1)
    return Money.of(total.quantize(_SMALLEST, rounding=ROUND_CEILING), prices.currency)


def total_of(costs: Iterable[Money | None]) -> Money | None:
    """The sum of prices or bounds; None when there is none, one is unknown, or one is of another currency."""
    known = list(costs)
    amounts = [cost for cost in known if cost is not None]
    if not amounts or len(amounts) < len(known) or len({cost.currency for cost in amounts}) > 1:
        return None
    return Money.of(sum((cost.decimal for cost in amounts), Decimal(0)), amounts[0].currency)


def _list_for(card: ModelCard, region: str, tariff: Tariff, day: date | None) -> PriceList | None:
    prices = card.prices.get(region)
    if prices is not None and day is not None:
        prices = prices.on(day)
    offered = prices is not None and (tariff == "live" or (card.capabilities.batch and prices.batch_factor is not None))
    return prices if offered else None


def _input_lines(usage: Usage, prices: PriceList, expected: InputTokens | None) -> list[_Line]:
    reported: dict[str, int | None] = {name: getattr(usage.input, name) for name in _MODALITIES}
    known = {name: tokens for name, tokens in reported.items() if tokens is not None}
    if not known and expected is not None and usage.estimated.input_tokens == usage.input_tokens == expected.total:
        # The total is the plan's own estimate (a call that was cut off), so its split is no worse than its sum.
        known = {name: getattr(expected, name) for name in _MODALITIES}
    rest = usage.input_tokens - sum(known.values())
    heads = {
        name: _Line(name=f"input_{name}", tokens=known.get(name, 0), price=_input_price(prices, name)) for name in known
    }
    lines = list(heads.values())
    if rest > 0:
        lines.append(_rest_line(rest, _unreported(reported, expected), prices))
    return _with_cache(lines, usage.cached_input_tokens or 0, prices.cached_input)


def _unreported(reported: Mapping[str, int | None], expected: InputTokens | None) -> list[str]:
    """The modalities that unreported tokens may belong to; all the null ones when the estimate excludes them all."""
    null = [name for name, tokens in reported.items() if tokens is None]
    possible = [name for name in null if name == "text" or expected is None or getattr(expected, name)]
    return possible or null or list(_MODALITIES)


def _rest_line(rest: int, possible: list[str], prices: PriceList) -> _Line:
    if len(possible) == 1:
        return _Line(name=f"input_{possible[0]}", tokens=rest, price=_input_price(prices, possible[0]))
    dearest = _dearest([_input_price(prices, name) for name in possible])
    return _Line(name="input_unsplit", tokens=rest, price=dearest)


def _with_cache(lines: list[_Line], cached: int, cached_price: Decimal | None) -> list[_Line]:
    """Takes cached tokens from the lines in order, text first: a cache holds prefixes, and those are text.

    Without a published cache price the tokens stay where they are, at the full price.
    """
    if cached_price is None or not cached:
        return lines
    left = cached
    charged = []
    for line in lines:
        taken = min(left, line.tokens)
        left -= taken
        charged.append(_Line(name=line.name, tokens=line.tokens - taken, price=line.price))
    return [*charged, _Line(name="cached_input", tokens=cached - left, price=cached_price)]


def _output_lines(usage: Usage, prices: PriceList, expected: InputTokens | None, *, speech: bool) -> list[_Line]:
    text, audio, reasoning = usage.output.text, usage.output.audio, usage.output.reasoning
    rest = usage.output_tokens - sum(tokens for tokens in (text, audio, reasoning) if tokens is not None)
    after = _output_text_price(prices, media=_had_media(usage, expected))
    spoken = speech and bool(rest if audio is None else audio)
    text_price = Decimal(0) if spoken else after
    lines = [
        _Line(name="output_text", tokens=text or 0, price=text_price),
        _Line(name="output_audio", tokens=audio or 0, price=prices.output_audio),
        _Line(name="reasoning", tokens=reasoning or 0, price=after),
    ]
    if speech and audio is None:
        name = "output_audio" if text is not None and reasoning is not None else "output_unsplit"
        return [*lines, _Line(name=name, tokens=rest, price=_dearest([prices.output_audio, after]))]
    # Unreported tokens beside a known audio count are text or reasoning; only the text would be free.
    return [*lines, _Line(name="output_text", tokens=rest, price=text_price)]


def _had_media(usage: Usage, expected: InputTokens | None) -> bool:
    """Whether the dearer text price applies; in doubt it does."""
    if expected is not None and expected.total == expected.text:
        return any(getattr(usage.input, name) for name in _MODALITIES[1:])
    return any(getattr(usage.input, name) != 0 for name in _MODALITIES[1:])


def _input_price(prices: PriceList, modality: str) -> Decimal | None:
    found: Decimal | None = getattr(prices, f"input_{modality}")
    return found


def _output_text_price(prices: PriceList, *, media: bool) -> Decimal | None:
    return prices.output_text_after_media if media else prices.output_text_after_text


def _dearest(candidates: list[Decimal | None]) -> Decimal | None:
    """The highest price; null when one of them is unknown."""
    known = [candidate for candidate in candidates if candidate is not None]
    return max(known) if known and len(known) == len(candidates) else None
