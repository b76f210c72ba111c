"""Pure: the plan that would be made now and what the ledger holds of an earlier start in; what is kept of it out.

A finished segment was paid for (law 2), so it is kept whenever it answers what would be asked now: the same request,
model card, detail, words, objects. Where to cut is then the recorded plan's to say, whatever would be cut today.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from analysis_worker.long_media.segment_format import SUCCEEDED, plan_sha256
from media_contracts import WarningInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analysis_worker.long_media.segment_format import PlanDocument, SegmentDocument

DISCARDED: Final = "segments_discarded"
"""The code of the warning that finished segments were thrown away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoOn:
    """Keep to the recorded plan."""

    plan: PlanDocument


@dataclass(frozen=True, kw_only=True, slots=True)
class StartOver:
    """Write the new plan in its place; what was finished under the old one is not taken."""

    plan: PlanDocument
    warning: WarningInfo


def resume(planned: PlanDocument, recorded: PlanDocument) -> GoOn | StartOver:
    """Whether the recorded plan still holds: everything but its cut points must be as it would be planned now."""
    differing = [
        field.name
        for field in fields(planned)
        if field.name != "segments" and getattr(planned, field.name) != getattr(recorded, field.name)
    ]
    if not differing:
        return GoOn(plan=recorded)
    said = ", ".join(name.removesuffix("_sha256") for name in differing)
    return StartOver(
        plan=planned,
        warning=WarningInfo(
            code=DISCARDED,
            message=f"an earlier start was planned with another {said}: its segments were discarded and asked again",
        ),
    )


def finished(plan: PlanDocument, segments: Iterable[SegmentDocument]) -> Mapping[int, SegmentDocument]:
    """The segments of this very plan that need not be asked again, by index; failed ones are."""
    name = plan_sha256(plan)
    return {
        segment.index: segment
        for segment in segments
        if segment.plan_sha256 == name and segment.outcome == SUCCEEDED and segment.index < len(plan.segments)
    }
