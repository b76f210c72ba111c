"""Pure: a request and its model card in, the most input that its first call can have out.

The claim is taken before the first byte of media is looked at, and it has to say what an attempt counts that nobody
closed (law 6), so every medium stands at its family's maximum here. The plan's own estimate replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.detail import pixel_choice
from analysis_worker.errors import Rejected
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.outline import conversation, texts_of
from analysis_worker.tokens import InputTokens, conversation_tokens, most_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_worker.cards import ModelCard
    from analysis_worker.catalogue import Catalogue
    from analysis_worker.profiles import Profiles
    from media_contracts import AnalysisRequested, MediaItem


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What the bill of a request can hold."""

    tokens: InputTokens
    """Zero for a modality that is not in it: that one cannot hide among unreported tokens (prices.price)."""
    searches: bool
    speaks: bool = False
    """Whether the call that answers speaks as well; one that only reads aloud always does."""


def first_attempt(
    request: AnalysisRequested, *, catalogue: Catalogue, profiles: Profiles, default_model: str
) -> OpenAttempt:
    """The call that the claim opens; what the plan will reject before any call (an unknown model) counts nothing."""
    model = request.model.name or default_model
    try:
        tokens = _most_input_tokens(request, catalogue.card(model), catalogue=catalogue, profiles=profiles)
    except Rejected:
        tokens = 0
    return OpenAttempt(number=1, kind="analysis", model=model, input_tokens=tokens)


def modalities(request: AnalysisRequested, *, profiles: Profiles) -> Expected:
    """What the request can hold: one token of each modality in it, and whether the model may search for it."""
    kinds = {item.kind for item in _media(request)}
    tokens = InputTokens(
        text=1,
        image=int("image" in kinds),
        video=int(bool(kinds & {"video", "frames"})),
        audio=int(bool(kinds & {"audio", "video"})),
    )
    profile = profiles.by_name.get(request.profile or "")
    speaks = request.speech is not None and profile is not None and profile.free_text
    return Expected(tokens=tokens, searches=bool(request.model.search), speaks=speaks)


def _most_input_tokens(request: AnalysisRequested, card: ModelCard, *, catalogue: Catalogue, profiles: Profiles) -> int:
    detail = catalogue.details[request.model.detail]
    name = request.profile
    profile = profiles.get(name) if name is not None else profiles.default_for(item.kind for item in request.media)
    schema = compile_schema(request.output_schema) if request.output_schema is not None else profile.schema
    messages = conversation(request, card=card, profile=profile, schema=schema, detail=detail)
    tokens = conversation_tokens(texts_of(messages))
    if card.tokens is not None:
        pixels = pixel_choice(card, detail)
        tokens += card.tokens.speech_prompt_tokens if request.speech is not None else 0
        tokens += sum(most_tokens(item.kind, card=card, pixels=pixels).total for item in _media(request))
    return min(tokens, card.context.context_tokens)


def _media(request: AnalysisRequested) -> Iterator[MediaItem]:
    yield from request.media
    for turn in request.history:
        yield from turn.media
