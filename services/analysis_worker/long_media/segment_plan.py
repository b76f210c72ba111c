"""Pure: a plan and what a look at its long medium showed in; whole, shrunk or in segments, and the ledger's plan, out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import orjson

from analysis_worker.cutting.cutter import CutOrder
from analysis_worker.cutting.shrink import (
    Shrink,
    frame_pixels,
    inline_raw_bytes,
    longest_inline_seconds,
    piece_bits,
    shrink,
)
from analysis_worker.long_media.segment_call import NOTE
from analysis_worker.long_media.segment_format import PlanDocument, PlannedObject, PlannedSegment
from analysis_worker.long_media.segment_media import need_bytes
from analysis_worker.long_media.segments import Cut, Segment, longest_seconds, segments_of
from analysis_worker.outline import texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from analysis_worker.cards import ModelCard
    from analysis_worker.cutting.cutter import FilmLook, FilmSource
    from analysis_worker.cutting.shrink import Speeds
    from analysis_worker.detail import DetailLevel
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.values import AnalysisPlan, Job

_NEAR_SECONDS: Final = 0.1
"""How far a key frame may lie from a clip's start so that the clip is copied from there."""
_SPARE: Final = 1.3
"""As `segment_media.need_bytes`: a copy may be denser than its share of the whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """It is asked about in one call as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shrunk:
    """It is asked about in one call, encoded smaller first."""

    shrink: Shrink


@dataclass(frozen=True, kw_only=True, slots=True)
class InSegments:
    """It is cut into pieces of at most that length, copied where it can be when `copies`."""

    longest_seconds: float
    copies: bool


Shape: TypeAlias = Whole | Shrunk | InSegments
"""How one medium is asked about."""


def shape_of(
    probed: ProbedMedia, *, card: ModelCard, detail: DetailLevel | None, public: bool, speeds: Speeds
) -> Shape:
    """How one medium is asked about; `public` is whether the model can reach the store.

    Without a level only what the card does not take whole is cut. What fits no way stays whole, and `check_item`
    refuses it by name.
    """
    most = longest_seconds(probed.kind, card=card, detail=detail)
    length = probed.duration_seconds
    if length is None or most is None:
        return Whole()
    raw = None if public else inline_raw_bytes(card, probed)
    if length <= most:
        made = shrink(probed, card=card, inline=not public, speeds=speeds)
        if made is not None:
            return Shrunk(shrink=made)
        if raw is None or probed.size_bytes <= raw:
            return Whole()
    if raw is None:
        return InSegments(longest_seconds=most, copies=True)
    copied = min(most, raw * length / (probed.size_bytes * _SPARE))
    encoded = min(most, longest_inline_seconds(probed, card=card) or most)
    # Fewer calls are worth an encoding, half the length is not.
    if copied * 2 >= encoded:
        return InSegments(longest_seconds=copied, copies=True)
    return InSegments(longest_seconds=encoded, copies=False)


def cut_up(
    probed: ProbedMedia,
    shape: Shape,
    look: FilmLook,
    *,
    card: ModelCard,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
) -> tuple[Segment, ...]:
    """The segments of a medium of that shape, after a look at where it can be cut; one for what is not in segments.

    `start_seconds` and `end_seconds` are those of a clip: what lies outside is in no segment.
    """
    length = (probed.duration_seconds or 0.0 if end_seconds is None else end_seconds) - start_seconds
    match shape:
        case Shrunk():
            return (Segment(index=0, start_seconds=start_seconds, end_seconds=start_seconds + length, cut=Cut.ENCODE),)
        case Whole():
            longest, copies = length, look.copies
        case InSegments(longest_seconds=longest, copies=wanted):
            copies = wanted and look.copies
        case _:
            assert_never(shape)
    keys = look.key_frames
    found = segments_of(
        duration_seconds=length,
        longest_seconds=longest,
        shortest_seconds=card.media_limits(probed.kind).seconds_min or 0.0,
        key_frames=None if keys is None else [key - start_seconds for key in keys if key >= start_seconds],
        copies=copies,
    )
    moved = [_later(segment, start_seconds) for segment in found]
    if start_seconds > 0 and keys is not None and not any(abs(key - start_seconds) < _NEAR_SECONDS for key in keys):
        # A copy would begin with the next key frame, and the clip's first pictures would be missing.
        moved[0] = replace(moved[0], cut=Cut.ENCODE)
    return tuple(moved)


def _later(segment: Segment, by_seconds: float) -> Segment:
    start, end = segment.start_seconds + by_seconds, segment.end_seconds + by_seconds
    return replace(segment, start_seconds=round(start, 6), end_seconds=round(end, 6))


def order_of(
    source: FilmSource, segment: Segment, probed: ProbedMedia, *, card: ModelCard, public: bool, path: Path
) -> CutOrder:
    """The order for one segment, with the scratch space that it will probably need."""
    film, sound = piece_bits(segment.length_seconds, probed, card=card, inline=not public)
    return CutOrder(
        source=source,
        start_seconds=segment.start_seconds,
        end_seconds=segment.end_seconds,
        cut=segment.cut,
        path=path,
        most_bytes=need_bytes(
            segment,
            size_bytes=probed.size_bytes,
            duration_seconds=probed.duration_seconds or segment.length_seconds,
            bits_per_second=film + sound,
        ),
        pixels_max=frame_pixels(card),
        film_bits=film,
        sound_bits=sound,
    )


def plan_document(
    job: Job, plan: AnalysisPlan, segments: Mapping[int, Sequence[Segment]], *, reduce_model: str
) -> PlanDocument:
    """What the ledger keeps of a plan in segments; `segments` are by the index of their medium."""
    words = orjson.dumps([NOTE, [message.role for message in plan.messages], texts_of(plan.messages), plan.schema.text])
    card = orjson.dumps(plan.card.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    planned = [(medium, segment) for medium, found in sorted(segments.items()) for segment in found]
    return PlanDocument(
        fingerprint=job.fingerprint,
        model=plan.model,
        card_sha256=hashlib.sha256(card).hexdigest(),
        detail=job.request.model.detail,
        profile=plan.profile.name,
        profile_version=plan.profile.version,
        prompt_sha256=hashlib.sha256(words).hexdigest(),
        reduce_model=reduce_model,
        objects=tuple(
            PlannedObject(media_index=index, etag=stored.etag, size_bytes=stored.size_bytes)
            for index, medium in enumerate(plan.media)
            for stored in medium.objects
        ),
        segments=tuple(
            PlannedSegment(
                index=number,
                media_index=medium,
                start_seconds=segment.start_seconds,
                end_seconds=segment.end_seconds,
                overlap_seconds=segment.overlap_seconds,
                cut=segment.cut.value,
            )
            for number, (medium, segment) in enumerate(planned)
        ),
    )


def segment_of(planned: PlannedSegment) -> Segment:
    """A recorded segment as it was cut up; its index counts over all media of the request."""
    return Segment(
        index=planned.index,
        start_seconds=planned.start_seconds,
        end_seconds=planned.end_seconds,
        overlap_seconds=planned.overlap_seconds,
        cut=Cut(planned.cut),
    )
