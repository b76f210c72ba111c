"""Pure: how the segments of a long medium ended in; what a completion says of them out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from analysis_worker.long_media.reduce import gaps_of
from analysis_worker.long_media.segment_format import SUCCEEDED
from media_contracts import ErrorInfo, Money, SegmentInfo, Usage, WarningInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_worker.long_media.reduce import Part
    from analysis_worker.long_media.segment_format import SegmentDocument
    from analysis_worker.long_media.segments import Segment
    from media_contracts import Attempt

PARTIAL: Final = "coverage_partial"
"""The code of the warning that a part of the medium is not in the answer."""
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"


def segment_infos(
    segments: Sequence[Segment],
    ended: Mapping[int, SegmentDocument],
    errors: Mapping[int, ErrorInfo],
    attempts: Sequence[Attempt],
    *,
    media_index: int,
) -> tuple[SegmentInfo, ...]:
    """Each segment with the usage and cost of its calls, of all starts; one that came to no end was *cancelled*."""
    found = []
    for segment in segments:
        document = ended.get(segment.index)
        own = [attempt for attempt in attempts if attempt.segment == segment.index]
        found.append(
            SegmentInfo(
                index=segment.index,
                media_index=media_index,
                start_seconds=segment.start_seconds,
                end_seconds=segment.end_seconds,
                outcome=CANCELLED if document is None else SUCCEEDED if document.outcome == SUCCEEDED else FAILED,
                usage=Usage.sum(attempt.usage for attempt in own),
                cost=_cost(own),
                error=errors.get(segment.index),
            )
        )
    return tuple(found)


def gap_warning(parts: Sequence[Part], errors: Mapping[int, ErrorInfo], *, media_index: int) -> WarningInfo | None:
    """What no answer covers, and why; None when everything is covered."""
    if all(part.value is not None for part in parts):
        return None
    gaps = (
        ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in gaps_of(parts)) or "nothing but what neighbours share"
    )
    why = "; ".join(f"segment {index}: {error.code}" for index, error in sorted(errors.items()))
    return WarningInfo(code=PARTIAL, path=f"/media/{media_index}", message=f"the answer leaves out {gaps} ({why})")


def _cost(attempts: Sequence[Attempt]) -> Money | None:
    costs = [attempt.cost for attempt in attempts]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs) or len({cost.currency for cost in known}) > 1:
        return None
    return Money.of(sum((cost.decimal for cost in known), Decimal(0)), known[0].currency)
