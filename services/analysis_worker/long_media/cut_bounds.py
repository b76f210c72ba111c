"""Pure: a plan whose medium is cut in; the same with what all its calls together count and may cost, out.

Each call is held against the card's limits here, so that what cannot be asked is refused before anything is cut.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analysis_worker.errors import ScratchTooSmall
from analysis_worker.long_media.reduce_call import reduction_bound
from analysis_worker.long_media.segment_call import call_about, expected_piece
from analysis_worker.long_media.segment_plan import order_of
from analysis_worker.prices import total_of
from analysis_worker.tokens import InputTokens
from media_contracts import Estimate

if TYPE_CHECKING:
    from datetime import date

    from analysis_worker.cards import ModelCard
    from analysis_worker.cutting.cutter import FilmSource
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.values import AnalysisPlan, PlannedMedia
    from media_contracts import AnalysisRequested


def bounded(
    request: AnalysisRequested,
    plan: AnalysisPlan,
    cut: CutPlan,
    *,
    reduce_card: ModelCard,
    public: bool,
    region: str,
    day: date,
) -> AnalysisPlan:
    """The plan with `cut`, whose estimate is the sum of its calls'; raises what `call_about` raises."""
    medium = plan.media[cut.media_index]
    calls = [
        call_about(
            request,
            plan,
            cut,
            segment,
            expected_piece(medium, segment, card=plan.card, public=public),
            region=region,
            day=day,
        )
        for segment in cut.segments
    ]
    tokens = sum((call.input_tokens for call in calls), InputTokens())
    unseen = sum((call.unseen_tokens for call in calls), InputTokens())
    costs = [call.estimate.cost for call in calls]
    if cut.in_segments:
        reduction = reduction_bound(plan, cut, card=reduce_card, region=region, day=day)
        if reduction is not None:
            tokens += reduction.tokens
            costs.append(reduction.cost)
            cut = replace(cut, reduction=reduction)
    # One piece is sent instead of the medium, on its own way; of several each has its own.
    media = plan.media if cut.in_segments else _on_the_way_of(calls[0], plan, cut.media_index)
    return replace(
        plan,
        cut=cut,
        media=media,
        input_tokens=tokens,
        unseen_tokens=unseen,
        estimate=Estimate(input_tokens=tokens.total, cost=total_of(costs)),
    )


def _on_the_way_of(call: AnalysisPlan, plan: AnalysisPlan, index: int) -> tuple[PlannedMedia, ...]:
    changed = replace(plan.media[index], delivery=call.media[index].delivery)
    return (*plan.media[:index], changed, *plan.media[index + 1 :])


def require_scratch(plan: AnalysisPlan, cut: CutPlan, source: FilmSource, *, public: bool, scratch_bytes: int) -> None:
    """Whether the largest piece has room. :raises ScratchTooSmall: when waiting for it would never end."""
    probed = plan.media[cut.media_index].probed
    if probed is None:
        return
    most_bytes = max(
        order_of(source, segment, probed, card=plan.card, public=public, path=Path("piece")).most_bytes
        for segment in cut.segments
    )
    if most_bytes > scratch_bytes:
        raise ScratchTooSmall(
            f"media[{cut.media_index}] is cut, and a piece of it needs about {most_bytes:,} bytes of scratch space;"
            f" WORKER_SCRATCH_BYTES is {scratch_bytes:,}: raise it, or send a shorter or smaller medium"
        )
