"""Pure: the probed media of a request in; which one of them is cut or encoded smaller, and how, out.

One at most: two long media in one answer would need segments of pairs. Where only the recommended length is passed a
request with several long media stays in one call, as it was sent; beyond the card's own limits it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.cutting.shrink import Reason
from analysis_worker.errors import ClipInvalid, FeatureUnsupported, MediaDuration
from analysis_worker.long_media.segment_plan import InSegments, Shape, Shrunk, Whole, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_worker.cards import ModelCard
    from analysis_worker.cutting.shrink import Speeds
    from analysis_worker.detail import DetailLevel
    from analysis_worker.long_media.reduce_call import ReductionBound
    from analysis_worker.long_media.segments import Segment
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.outline import Wishes
    from analysis_worker.values import PlannedMedia

_SLACK_SECONDS: Final = 1.0
"""What a clip may reach beyond the medium: requesters round, and containers state lengths that are about right."""


MOST_SEGMENTS: Final = 300
"""Of one medium: what a container claims to last must not decide how long planning takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The medium that is cut, in which shape, from where to where; seconds from its start."""

    media_index: int
    shape: Shape
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CutPlan:
    """How one medium of a request is cut: one piece and one call, or segments with a call each."""

    media_index: int
    segments: tuple[Segment, ...]
    """In seconds from the start of the medium, in order; one alone is a clip, or the whole, encoded smaller."""
    wishes: Wishes = field(repr=False)
    """What is asked of the model beside the media, for the count of each call."""
    timelines: tuple[str, ...] = ()
    """Pointers to the lists of an answer whose times count from the start of its piece; see absolute_times.py."""
    reduce_model: str
    """Who makes one answer out of the segments'."""
    reduction: ReductionBound | None = None
    """What that counts and may cost; None when nobody needs to be asked."""

    @property
    def in_segments(self) -> bool:
        """Whether there are several calls."""
        return len(self.segments) > 1


def choose_cut(
    media: Sequence[PlannedMedia],
    *,
    card: ModelCard,
    detail: DetailLevel,
    public: bool,
    speeds: Speeds,
    in_one_call: bool,
) -> Choice | None:
    """Which of a request's own media is cut; None: each is sent as it is, and `check_item` refuses what does not fit.

    `in_one_call` is true for answers that no reduction can put together: free text.

    :raises ClipInvalid: for a clip outside its medium. :raises FeatureUnsupported: when two media must be cut.
    :raises MediaDuration: when it would take more than `MOST_SEGMENTS`.
    """
    parts = {index: part_of(medium) for index, medium in enumerate(media) if _has_length(medium)}
    clipped = {index for index in parts if media[index].item.clip is not None}

    def shapes(level: DetailLevel | None) -> dict[int, Shape]:
        return {
            index: _possible(shape_of(part, card=card, detail=level, public=public, speeds=speeds), in_one_call)
            for index, (part, _) in parts.items()
        }

    needed, wished = shapes(None), shapes(None if in_one_call else detail)
    must = sorted(clipped | {index for index, shape in needed.items() if _is_needed(shape)})
    if len(must) > 1:
        named = " and ".join(f"media[{index}]" for index in must)
        raise FeatureUnsupported(
            f"{named} would have to be cut, or sent in part, for {card.name}, and one medium of a request can be; send"
            " them as requests of their own"
        )
    shown = wished if must or _alone(wished, InSegments) else needed
    for index in must or _alone(wished, InSegments) or _alone(needed, Shrunk):
        part, start_seconds = parts[index]
        _require_few(part, shown[index])
        return Choice(
            media_index=index,
            shape=shown[index],
            start_seconds=start_seconds,
            end_seconds=start_seconds + (part.duration_seconds or 0.0),
        )
    return None


def _require_few(part: ProbedMedia, shape: Shape) -> None:
    if not isinstance(shape, InSegments):
        return
    count = (part.duration_seconds or 0.0) / shape.longest_seconds
    if count > MOST_SEGMENTS:
        raise MediaDuration(
            f"media[{part.index}] lasts {part.duration_seconds:.0f} s and would be cut into about {count:.0f} segments of"
            f" {shape.longest_seconds:g} s; {MOST_SEGMENTS} are taken: choose a clip, or the detail quick"
        )


def part_of(medium: PlannedMedia) -> tuple[ProbedMedia, float]:
    """What of a probed medium is meant, as if it were a medium of its own, and where it starts in it.

    :raises ClipInvalid: when the clip lies outside.
    """
    probed, clip = medium.probed, medium.item.clip
    if probed is None or probed.duration_seconds is None:
        raise ValueError("a medium whose length is unknown has no parts")
    length = probed.duration_seconds
    if clip is None:
        return probed, 0.0
    if clip.start_seconds >= length or clip.end_seconds > length + _SLACK_SECONDS:
        raise ClipInvalid(
            f"media[{probed.index}] lasts {length:.2f} s and its clip is {clip.start_seconds:g} to"
            f" {clip.end_seconds:g} s; name a part of it"
        )
    seconds = min(clip.end_seconds, length) - clip.start_seconds
    size_bytes = max(int(probed.size_bytes * seconds / length), 1)
    return replace(probed, duration_seconds=seconds, size_bytes=size_bytes, frames=None), clip.start_seconds


def _has_length(medium: PlannedMedia) -> bool:
    return medium.item.kind in {"audio", "video"} and medium.probed is not None and bool(medium.probed.duration_seconds)


def _possible(shape: Shape, in_one_call: bool) -> Shape:  # noqa: FBT001
    return Whole() if in_one_call and isinstance(shape, InSegments) else shape


def _is_needed(shape: Shape) -> bool:
    return isinstance(shape, InSegments) or (isinstance(shape, Shrunk) and shape.shrink.reason is Reason.POSSIBLE)


def _alone(shapes: Mapping[int, Shape], form: type[InSegments | Shrunk]) -> list[int]:
    """The one medium of that shape, or none."""
    found = [index for index, shape in shapes.items() if isinstance(shape, form)]
    return found if len(found) == 1 else []
