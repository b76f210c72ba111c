"""Pure: a request and its model card in, the most input that its first call can have out.

The claim is taken before the first byte of media is looked at, and it has to say what an attempt counts that nobody
closed (law 6), so every medium stands at its family's maximum here. The plan's own estimate replaces it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from analysis_worker.errors import ModelUnknown
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.tokens import InputTokens, conversation_tokens

if TYPE_CHECKING:
    from analysis_worker.cards import ModelCard, TokenRule
    from analysis_worker.catalogue import Catalogue
    from media_contracts import AnalysisRequested, MediaItem


def first_attempt(request: AnalysisRequested, *, catalogue: Catalogue, default_model: str) -> OpenAttempt:
    """The call that the claim opens; an unknown model will be rejected before any call, so it counts nothing."""
    model = request.model.name or default_model
    try:
        tokens = _most_input_tokens(request, catalogue.card(model))
    except ModelUnknown:
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


def _most_input_tokens(request: AnalysisRequested, card: ModelCard) -> int:
    texts = [request.instruction or "", *(turn.text for turn in request.history)]
    tokens = conversation_tokens(texts)
    if card.tokens is not None:
        items = (*request.media, *(item for turn in request.history for item in turn.media))
        tokens += sum(_most_tokens(item, card, card.tokens) for item in items)
    return min(tokens, card.context.context_tokens)


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
