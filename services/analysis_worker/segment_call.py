"""Pure: a planned call about a whole medium in, the call about one of its segments out, before it is cut.

With it a segment is held against limits, context and budget like any call, and asked with a word on what it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analysis_worker.limits import fits_inline
from analysis_worker.prompt import Message, TextPart
from analysis_worker.segments import Cut
from analysis_worker.shrink import piece_bits
from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.cards import ModelCard
    from analysis_worker.segments import Segment
    from analysis_worker.values import PlannedMedia

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
