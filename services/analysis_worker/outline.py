"""Pure: a request, its model card, profile and probed media in; what would be asked, with its input and price, out.

Planning and `media-analysis estimate` share it, so that both say the same of one request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis_worker.detail import DetailLevel, pixel_choice
from analysis_worker.limits import (
    check_context,
    check_counts,
    check_features,
    check_frames,
    check_item,
    check_mix,
    check_parameters,
)
from analysis_worker.prices import upper_bound
from analysis_worker.prompt import Message, PastTurn, TextPart, build_messages
from analysis_worker.provider.request_body import CallParameters
from analysis_worker.provider.response_schema import response_schema
from analysis_worker.thinking import Thinking, choose_thinking
from analysis_worker.tokens import InputTokens, PixelChoice, input_tokens, most_tokens
from analysis_worker.values import Delivery, PlannedMedia

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from analysis_worker.answers.schemas import OutputSchema
    from analysis_worker.cards import ModelCard
    from analysis_worker.profiles import Profile
    from media_contracts import AnalysisRequested, MediaItem, Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the request alone decides about a call."""

    parameters: CallParameters
    thinking: Thinking
    pixels: PixelChoice
    detail: DetailLevel

    @property
    def speaks(self) -> bool:
        """Whether this call answers in speech as well."""
        return self.parameters.voice is not None

    def max_output_tokens(self, card: ModelCard) -> int:
        """The longest answer that is asked for, reasoning apart."""
        return self.parameters.max_tokens or card.context.max_output_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """One call before it is held against limits and budget."""

    messages: tuple[Message, ...]
    input_tokens: InputTokens
    """Of the texts and of the media that could be probed."""
    unseen_tokens: InputTokens
    """At most of the media behind URLs of others, which nobody here has looked at."""


def read_wishes(
    request: AnalysisRequested,
    *,
    model: str,
    card: ModelCard,
    profile: Profile,
    schema: OutputSchema,
    detail: DetailLevel,
    voice: str | None = None,
) -> Wishes:
    """What is asked of the model, beside the media; `voice` when this call speaks as well.

    Raises `FeatureUnsupported` and `ParameterInvalid` for what the model cannot do or does not take.
    """
    thinking = choose_thinking(card, request.model.reasoning, wants_json=not profile.free_text)
    parameters = _parameters(request, model=model, card=card, profile=profile, thinking=thinking, voice=voice)
    by_schema = card.capabilities.json_schema and not thinking.on and not profile.free_text
    return Wishes(
        parameters=replace(parameters, json_schema=response_schema(schema)) if by_schema else parameters,
        thinking=thinking,
        pixels=pixel_choice(card, detail),
        detail=detail,
    )


def outline(
    request: AnalysisRequested,
    wishes: Wishes,
    *,
    card: ModelCard,
    profile: Profile,
    schema: OutputSchema,
    media: Sequence[PlannedMedia],
) -> Outline:
    """Lay out the call; `media` are the request's own, then those of the earlier turns, in order.

    Raises `MediaKindUnsupported` for media of a text model, and what `input_tokens` raises.
    """
    messages = conversation(
        request, card=card, profile=profile, schema=schema, detail=wishes.detail, speaks=wishes.speaks
    )
    pixels = wishes.pixels
    unseen = InputTokens()
    for medium in media:
        if medium.probed is None:
            unseen += most_tokens(medium.item.kind, card=card, pixels=pixels)
    probed = [medium.probed for medium in media if medium.probed is not None]
    return Outline(
        messages=messages,
        input_tokens=input_tokens(
            card=card, texts=texts_of(messages), media=probed, pixels=pixels, speech=wishes.speaks
        ),
        unseen_tokens=unseen,
    )


def conversation(
    request: AnalysisRequested,
    *,
    card: ModelCard,
    profile: Profile,
    schema: OutputSchema,
    detail: DetailLevel,
    speaks: bool = False,
) -> tuple[Message, ...]:
    """The messages of the call, with slots for the media."""
    kinds = [item.kind for item in request.media]
    return build_messages(
        prompt=profile.prompt_of(detail.prompt),
        schema_text=None if profile.free_text else schema.text,
        kinds=kinds,
        mixes=card.capabilities.mixes_modalities,
        guidance=detail.guidance_for(kinds),
        instruction=request.instruction,
        language=request.language,
        history=[
            PastTurn(role=turn.role, text=turn.text, kinds=tuple(item.kind for item in turn.media))
            for turn in request.history
        ],
        system_allowed=not speaks or card.capabilities.system_message_with_speech,
    )


def texts_of(messages: Sequence[Message]) -> list[str]:
    """The words of each message."""
    return ["\n".join(part.text for part in message.parts if isinstance(part, TextPart)) for message in messages]


def check_turns(request: AnalysisRequested, *, card: ModelCard, stored: Delivery) -> None:
    """Whether the model takes so many media of these kinds, as far as the request alone shows it.

    `stored` is how objects of the store travel. Counts and mixes hold for a turn: earlier user messages may hold other
    media (S1). Raises what `check_mix`, `check_counts` and `check_frames` raise, and `ParameterInvalid` for an `fps`.
    """
    for items in (request.media, *(turn.media for turn in request.history)):
        check_counts(card, [item.kind for item in items if not _is_linked(item)], stored)
        check_counts(card, [item.kind for item in items if _is_linked(item)], Delivery.URL)
        check_mix(card, [item.kind for item in items])
        for item in items:
            check_parameters(card, fps=fps_of(item, card=card))
            if item.kind == "frames":
                check_frames(card, len(item.keys or item.urls or ()))


def check_sizes(
    request: AnalysisRequested, wishes: Wishes, made: Outline, *, card: ModelCard, media: Sequence[PlannedMedia]
) -> None:
    """Whether every medium that was probed is within the card's limits, and all of them within the context.

    Raises what `check_item` and `check_context` raise.
    """
    for medium in media:
        if medium.probed is not None:
            check_item(card, medium.probed, medium.delivery)
    check_context(
        card,
        input_tokens=made.input_tokens.total,
        max_output_tokens=wishes.max_output_tokens(card),
        max_input_tokens=request.limits.max_input_tokens,
        thinking=wishes.thinking.on,
    )


def cost_bound(wishes: Wishes, made: Outline, *, card: ModelCard, region: str, day: date) -> Money | None:
    """What the call may cost at most; null when a price is unknown."""
    return upper_bound(
        card=card,
        region=region,
        expected=made.input_tokens + made.unseen_tokens,
        max_output_tokens=wishes.max_output_tokens(card),
        max_reasoning_tokens=wishes.thinking.most_tokens(card),
        speech=wishes.speaks,
        search=wishes.parameters.search,
        on=day,
    )


def fps_of(item: MediaItem, *, card: ModelCard) -> float | None:
    """How far apart a list's frames were taken, where the model takes that (CHAT: 3.8 and 3.5 only)."""
    return item.fps if card.parameters.fps is not None else None


def _is_linked(item: MediaItem) -> bool:
    return item.url is not None or item.urls is not None


def _parameters(
    request: AnalysisRequested, *, model: str, card: ModelCard, profile: Profile, thinking: Thinking, voice: str | None
) -> CallParameters:
    choice, most = request.model, card.context.max_output_tokens
    temperature = choice.temperature if choice.temperature is not None else profile.temperature
    check_parameters(card, temperature=temperature, seed=choice.seed)
    check_features(card, search=bool(choice.search), speech=voice is not None, voice=voice, thinking=thinking.on)
    return CallParameters(
        model=model,
        json_mode=card.capabilities.json_mode and not thinking.on and not profile.free_text,
        temperature=temperature,
        seed=choice.seed,
        max_tokens=choice.max_output_tokens or min(profile.max_output_tokens or most, most),
        # Some families punish repetition by default, and JSON repeats its keys (provider.md §2c).
        presence_penalty=None if profile.free_text or card.parameters.presence_penalty is None else 0,
        enable_thinking=thinking.enable_thinking,
        reasoning_effort=thinking.reasoning_effort,
        thinking_budget=thinking.budget_tokens,
        search=bool(choice.search),
        voice=voice,
    )
