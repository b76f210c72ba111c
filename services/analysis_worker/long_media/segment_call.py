"""Pure: a planned call about a whole medium in, the call about one of its segments out, before it is cut.

With it a segment is held against limits, context and budget like any call, and asked with a word on what it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analysis_worker.cutting.shrink import piece_bits
from analysis_worker.limits import fits_inline
from analysis_worker.long_media.segments import Cut
from analysis_worker.outline import Outline, check_sizes, cost_bound, outline
from analysis_worker.prompt import Message, TextPart
from analysis_worker.tokens import InputTokens, text_tokens
from analysis_worker.values import Delivery
from media_contracts import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from analysis_worker.cards import ModelCard
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.long_media.segments import Segment
    from analysis_worker.values import AnalysisPlan, PlannedMedia
    from media_contracts import AnalysisRequested

KIND: Final = "segment"
"""What the attempts of one of several segments are."""
_HELD_BACK_PICTURES: Final = 4
"""J: as many pictures later a film may be shown than it is decoded: x264 by default."""
NOTE: Final = (
    "The medium above is part {number} of {count} of a longer one, cut out of it; it may begin and end in the middle of"
    " a sentence or scene. Tell this part alone. Times are seconds from the start of this part."
)


def expected_piece(medium: PlannedMedia, segment: Segment, *, card: ModelCard, public: bool) -> PlannedMedia:
    """The piece as it will probably be: its length exactly, its bytes about, its way as `segment_media.piece_of` has it.

    Raises `ValueError` for a medium that was not probed.
    """
    probed = medium.probed
    if probed is None or not probed.duration_seconds:
        raise ValueError("a medium whose length is unknown has no segments")
    size_bytes = int(probed.size_bytes * min(segment.length_seconds / probed.duration_seconds, 1.0))
    if segment.cut is Cut.ENCODE:
        film, sound = piece_bits(segment.length_seconds, probed, card=card, inline=not public)
        size_bytes = int((film + sound) / 8 * segment.length_seconds)
    piece = replace(probed, duration_seconds=segment.length_seconds, size_bytes=size_bytes, frames=None)
    by_url = public and not fits_inline(card, piece)
    return replace(medium, probed=piece, delivery=Delivery.PRESIGNED if by_url else Delivery.INLINE)


def segment_messages(messages: Sequence[Message], segment: Segment, *, count: int) -> tuple[Message, ...]:
    """The call's messages with a word on which part of `count` this is; the last message is the user's."""
    *before, last = messages
    note = TextPart(text=NOTE.format(number=segment.index + 1, count=count))
    return (*before, replace(last, parts=(*last.parts, note)))


def call_about(
    request: AnalysisRequested,
    whole: AnalysisPlan,
    cut: CutPlan,
    segment: Segment,
    piece: PlannedMedia,
    *,
    region: str,
    day: date,
) -> AnalysisPlan:
    """The call about one piece, held against the card's limits; `whole` is the plan whose medium is cut.

    It sees the request's other media whole. Raises what `check_sizes` and `outline` raise.
    """
    media = tuple(piece if index == cut.media_index else medium for index, medium in enumerate(whole.media))
    made = outline(request, cut.wishes, card=whole.card, profile=whole.profile, schema=whole.schema, media=media)
    if cut.in_segments:
        made = _noted(made, segment, count=len(cut.segments))
    check_sizes(request, cut.wishes, made, card=whole.card, media=media)
    bound = cost_bound(cut.wishes, made, card=whole.card, region=region, day=day)
    return replace(
        whole,
        media=media,
        messages=made.messages,
        input_tokens=made.input_tokens,
        unseen_tokens=made.unseen_tokens,
        estimate=Estimate(input_tokens=made.input_tokens.total, cost=bound),
        duration_seconds=None if whole.duration_seconds is None else _longest(segment, piece),
        kind=KIND if cut.in_segments else whole.kind,
        segment=segment.index if cut.in_segments else None,
        can_lessen=False,
        cut=None,
    )


def _longest(segment: Segment, piece: PlannedMedia) -> float:
    """How far the times of an answer about it may reach: a copy ends with the pictures that its last ones need."""
    fps = piece.probed.fps if piece.probed is not None else None
    return segment.length_seconds + (_HELD_BACK_PICTURES / fps if fps else 0.0)


def _noted(made: Outline, segment: Segment, *, count: int) -> Outline:
    messages = segment_messages(made.messages, segment, count=count)
    [*_, note] = messages[-1].parts
    words = text_tokens(note.text) if isinstance(note, TextPart) else 0
    return replace(made, messages=messages, input_tokens=made.input_tokens + InputTokens(text=words))
