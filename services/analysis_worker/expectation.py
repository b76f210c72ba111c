"""Pure: a request and its model card in, the most input that its first call can have out.

The claim is taken before the first byte of media is looked at, and it has to say what an attempt counts that nobody
closed (law 6), so every medium stands at its family's maximum here. The plan's own estimate replaces it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from analysis_worker.errors import Rejected
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.prompt import PastTurn, TextPart, build_messages
from analysis_worker.schemas import compile_schema
from analysis_worker.tokens import InputTokens, conversation_tokens

if TYPE_CHECKING:
    from analysis_worker.cards import ModelCard, TokenRule
    from analysis_worker.catalogue import Catalogue
    from analysis_worker.profiles import Profiles
    from media_contracts import AnalysisRequested, MediaItem


def first_attempt(
    request: AnalysisRequested, *, catalogue: Catalogue, profiles: Profiles, default_model: str
) -> OpenAttempt:
    """The call that the claim opens; what the plan will reject before any call (an unknown model) counts nothing."""
    model = request.model.name or default_model
    try:
        tokens = _most_input_tokens(request, catalogue.card(model), profiles)
    except Rejected:
        tokens = 0
    return OpenAttempt(number=1, kind="analysis", model=model, input_tokens=tokens)


def modalities(request: AnalysisRequested) -> InputTokens:
    """One token of each modality that the request can hold: what is not in it cannot hide among unreported tokens."""
    kinds = {item.kind for item in (*request.media, *(item for turn in request.history for item in turn.media))}
    return InputTokens(
        text=1,
        image=int("image" in kinds),
        video=int(bool(kinds & {"video", "frames"})),
        audio=int(bool(kinds & {"audio", "video"})),
    )


def _most_input_tokens(request: AnalysisRequested, card: ModelCard, profiles: Profiles) -> int:
    tokens = conversation_tokens(_texts(request, profiles))
    if card.tokens is not None:
        items = (*request.media, *(item for turn in request.history for item in turn.media))
        tokens += sum(_most_tokens(item, card, card.tokens) for item in items)
    return min(tokens, card.context.context_tokens)


def _texts(request: AnalysisRequested, profiles: Profiles) -> list[str]:
    """The words of every message, the profile's prompt and the schema among them."""
    name = request.profile
    kinds = [item.kind for item in request.media]
    profile = profiles.get(name) if name is not None else profiles.default_for(kinds)
    schema = compile_schema(request.output_schema) if request.output_schema is not None else profile.schema
    messages = build_messages(
        prompt=profile.prompt,
        schema_text=schema.text,
        media_count=len(request.media),
        instruction=request.instruction,
        language=request.language,
        history=[PastTurn(role=turn.role, text=turn.text, media_count=len(turn.media)) for turn in request.history],
    )
    return ["\n".join(part.text for part in message.parts if isinstance(part, TextPart)) for message in messages]


def _most_tokens(item: MediaItem, card: ModelCard, rule: TokenRule) -> int:
    match item.kind:
        case "image":
            return rule.image_tokens_max + rule.marker_tokens
        case "audio":
            return _most_audio(card, rule)
        case "video":
            return rule.video_tokens_max + rule.marker_tokens + _most_audio(card, rule)
        case "frames":
            return rule.video_tokens_max + rule.marker_tokens
        case kind:
            assert_never(kind)


def _most_audio(card: ModelCard, rule: TokenRule) -> int:
    seconds = card.media.audio.seconds_max if card.media.audio else None
    return math.ceil((seconds or 0) * float(rule.audio_in_tokens_per_second))
