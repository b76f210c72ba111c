"""Pure: a model card and what a request holds in; nothing out, or the one rejection that fits.

Each check raises at the first fault in the order count, mix, size, sides, length, so that a message names one thing.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from analysis_worker import errors
from analysis_worker.cards import modality_of
from analysis_worker.provider.request_body import InlineSource, data_uri_length
from media_contracts import Money

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analysis_worker.cards import Kind, MediaLimits, ModelCard
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.values import Delivery

INLINE: Final = "inline"
# Far above any camera, far below what a header can claim: Pillow's own limit for a decompression bomb.
PIXELS_MAX: Final = 178_956_970


def check_counts(card: ModelCard, kinds: Iterable[Kind], delivery: Delivery) -> None:
    """Whether one turn may bring that many items, delivered so; raises `MediaKindUnsupported` and `MediaTooMany`.

    A list of frames counts as a film as well: the provider's pages number the films, in whatever form.
    """
    inline = delivery == INLINE
    counts = Counter(kinds)
    for kind, own in counts.items():
        limits = card.media_limits(kind)
        most = limits.count_inline if inline else limits.count_by_url
        count = own + counts["frames" if kind == "video" else "video"] if kind in {"video", "frames"} else own
        if most is not None and count > most:
            raise errors.MediaTooMany(
                f"{count} {kind} items; {card.name} takes {most} {_way(inline=inline)}; split the request"
            )


def check_mix(card: ModelCard, kinds: Iterable[Kind]) -> None:
    """Whether the model takes these kinds together, in one user message or in one each; raises `MediaMixUnsupported`."""
    modalities = sorted({modality_of(kind) for kind in kinds})
    abilities = card.capabilities
    if len(modalities) > 1 and not abilities.mixes_modalities and not abilities.spreads_modalities:
        raise errors.MediaMixUnsupported(
            f"{card.name} takes one kind of media, not {' with '.join(modalities)}; "
            "choose a model that mixes them or send one request each"
        )


def check_item(card: ModelCard, item: ProbedMedia, delivery: Delivery) -> None:
    """Whether one item is within the card's limits of its kind.

    Raises `MediaTooLarge`, `MediaDimensions`, `MediaTooMany` (frames of a list), `MediaDuration`.
    """
    limits = card.media_limits(item.kind)
    _check_bytes(card, item, limits, inline=delivery == INLINE)
    if item.width is not None and item.height is not None:
        _check_sides(card, item, limits, item.width, item.height)
    if item.kind == "frames":
        check_frames(card, item.frames or 0, name=_name(item))
    _check_seconds(card, item, limits)


def check_frames(card: ModelCard, count: int, *, name: str = "a list") -> None:
    """Whether a list may have that many frames; raises `MediaTooMany`."""
    limits = card.media_limits("frames")
    low, high = limits.frames_min or 0, limits.frames_max
    if count < low or (high is not None and count > high):
        raise errors.MediaTooMany(f"{name} has {count} frames; {card.name} takes {low} to {_bound(high)} in a list")


def inline_bytes(item: ProbedMedia) -> int:
    """The length of the data URI in which the item would travel; of a list of frames that of its largest."""
    return data_uri_length(item.kind, InlineSource(content_type=item.content_type, size_bytes=item.size_bytes))


def fits_inline(card: ModelCard, item: ProbedMedia) -> bool:
    """Whether the item's data URI stays below the card's limit (400 `Exceeded limit on max bytes per data-uri item`)."""
    most = card.media_limits(item.kind).bytes_inline
    return most is None or inline_bytes(item) < most


def check_context(
    card: ModelCard,
    *,
    input_tokens: int,
    max_output_tokens: int | None = None,
    max_input_tokens: int | None = None,
    thinking: bool = False,
) -> None:
    """Whether the estimated input fits the model, with room for the answer, and the request's own bound.

    `max_input_tokens` is `limits.max_input_tokens` of the request. Raises `InputTooLong`, and `ParameterInvalid` for
    an answer longer than the model gives.
    """
    context = card.context
    if max_output_tokens is not None and not 1 <= max_output_tokens <= context.max_output_tokens:
        raise errors.ParameterInvalid(
            f"max_output_tokens {max_output_tokens:,} is outside 1 to {context.max_output_tokens:,} of {card.name}"
        )
    if max_input_tokens is not None and input_tokens > max_input_tokens:
        raise errors.InputTooLong(
            f"about {input_tokens:,} input tokens, more than limits.max_input_tokens {max_input_tokens:,}; raise it or send less"
        )
    published = context.max_input_tokens_thinking if thinking else None
    published = published or context.max_input_tokens
    room = context.context_tokens - (max_output_tokens or 0)
    most = room if published is None else min(room, published)
    if input_tokens > most:
        raise errors.InputTooLong(
            f"about {input_tokens:,} input tokens; {card.name} takes {most:,} here; send less media"
        )


def check_parameters(card: ModelCard, **parameters: float | None) -> None:
    """Whether each given sampling parameter is one that the model takes, within its range; null means not given.

    Raises `FeatureUnsupported` for one the model lacks, `ParameterInvalid` for a value outside the range.
    """
    for name, value in parameters.items():
        if value is None:
            continue
        bounds = getattr(card.parameters, name, None)
        if bounds is None:
            raise errors.FeatureUnsupported(f"{card.name} takes no {name}; leave it out")
        if not bounds.allows(value):
            low, high = ("[" if bounds.includes_minimum else "("), ("]" if bounds.includes_maximum else ")")
            shown = f"{low}{_bound(bounds.minimum)}, {_bound(bounds.maximum)}{high}"
            raise errors.ParameterInvalid(f"{name} {value:g} is outside {shown} of {card.name}")


def check_features(
    card: ModelCard,
    *,
    search: bool = False,
    speech: bool = False,
    voice: str | None = None,
    thinking: bool = False,
    effort: str | None = None,
) -> None:
    """Whether the model can do what is asked for at all; raises `FeatureUnsupported` or `ParameterInvalid`."""
    abilities = card.capabilities
    wanted = {"search": (search, abilities.search), "speech": (speech, abilities.speech)}
    wanted["reasoning"] = (thinking or effort is not None, abilities.thinking != "none")
    for name, (asked, able) in wanted.items():
        if asked and not able:
            raise errors.FeatureUnsupported(f"{card.name} has no {name}; choose another model or leave it out")
    if speech and thinking and not abilities.speech_while_thinking:
        raise errors.FeatureUnsupported(f"{card.name} does not speak while it reasons; ask for one of the two")
    if speech and voice and abilities.voices and voice not in abilities.voices:
        raise errors.ParameterInvalid(f"{card.name} has no voice {voice!r}; it has {', '.join(abilities.voices)}")
    if effort is not None and effort not in abilities.reasoning_efforts:
        known = ", ".join(abilities.reasoning_efforts) or "no efforts, only on and off"
        raise errors.ParameterInvalid(f"reasoning effort {effort!r} is unknown to {card.name}; it has {known}")


def require_budget(*, max_cost: Money | None, bound: Money | None, spent: Money | None, model: str) -> None:
    """Hold the upper bound of one more call against `max_cost` less what earlier attempts cost (DESIGN.md §3, Types).

    :raises BudgetExceeded: or `CurrencyMismatch`, also when there is no price.
    """
    left = money_left(max_cost, spent)
    if left is not None:
        check_budget(bound=bound, left=left, model=model)


def money_left(max_cost: Money | None, spent: Money | None) -> Money | None:
    """What is left of a budget; None without one."""
    if max_cost is None:
        return None
    gone = spent.decimal if spent is not None and spent.currency == max_cost.currency else Decimal(0)
    return Money.of(max(max_cost.decimal - gone, Decimal(0)), max_cost.currency)


def check_budget(*, bound: Money | None, left: Money, model: str) -> None:
    """Whether a plan's upper bound fits what is left; raises `CurrencyMismatch` (or no price) and `BudgetExceeded`."""
    if bound is None:
        raise errors.CurrencyMismatch(
            f"{model} has no known price here, so max_cost cannot be kept; set one or drop max_cost"
        )
    if bound.currency != left.currency:
        raise errors.CurrencyMismatch(
            f"{model} is priced in {bound.currency} and max_cost is in {left.currency}; nothing is converted"
        )
    if bound.decimal > left.decimal:
        raise errors.BudgetExceeded(
            f"{model} may cost {bound.amount} {bound.currency}, more than the {left.amount} that is left; "
            "raise max_cost, lower max_output_tokens or detail"
        )


def _check_bytes(card: ModelCard, item: ProbedMedia, limits: MediaLimits, *, inline: bool) -> None:
    if inline:
        if not fits_inline(card, item):
            raise errors.MediaTooLarge(
                f"{_name(item)} is {inline_bytes(item):,} bytes as a data URI; below {limits.bytes_inline:,} are taken inline; "
                "let the model reach the store (S3_PUBLIC_ENDPOINT) or shrink it"
            )
    elif limits.bytes_by_url is not None and item.size_bytes > limits.bytes_by_url:
        raise errors.MediaTooLarge(
            f"{_name(item)} is {item.size_bytes:,} bytes; {card.name} takes {limits.bytes_by_url:,} by URL; shrink it"
        )


def _check_sides(card: ModelCard, item: ProbedMedia, limits: MediaLimits, width: int, height: int) -> None:
    shown = f"{_name(item)} is {width} x {height} pixels"
    if width * height > PIXELS_MAX:
        raise errors.MediaDimensions(f"{shown}; more than {PIXELS_MAX:,} in all are refused; scale it down")
    if limits.side_above_pixels is not None and min(width, height) <= limits.side_above_pixels:
        raise errors.MediaDimensions(f"{shown}; {card.name} takes sides over {limits.side_above_pixels}; enlarge it")
    if limits.ratio_max is not None and max(width, height) > limits.ratio_max * min(width, height):
        raise errors.MediaDimensions(f"{shown}; {card.name} takes ratios up to {limits.ratio_max:g}:1; crop it")


def _check_seconds(card: ModelCard, item: ProbedMedia, limits: MediaLimits) -> None:
    seconds = item.duration_seconds
    if seconds is None:
        return
    if limits.seconds_min is not None and seconds < limits.seconds_min:
        raise errors.MediaDuration(
            f"{_name(item)} lasts {seconds:.2f} s; {card.name} takes {limits.seconds_min:g} s or more"
        )
    if limits.seconds_max is not None and seconds > limits.seconds_max:
        raise errors.MediaDuration(
            f"{_name(item)} lasts {seconds:.2f} s; {card.name} takes up to {limits.seconds_max:g} s; "
            "choose a clip or another model"
        )


def _name(item: ProbedMedia) -> str:
    return f"media[{item.index}] ({item.content_type})"


def _way(*, inline: bool) -> str:
    return "inline" if inline else "by URL"


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"
