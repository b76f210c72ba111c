"""In: a request's planned media. Out: the `CutPlan` of the one that is too long or too large, after a look at it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.cutting.cutter import FilmLook
from analysis_worker.errors import FeatureUnsupported
from analysis_worker.long_media.absolute_times import EVERYWHERE, timelines_of
from analysis_worker.long_media.cut_bounds import require_scratch
from analysis_worker.long_media.cut_plan import CutPlan, choose_cut
from analysis_worker.long_media.segment_plan import Shrunk, cut_up
from analysis_worker.media.probe import HeadSource, PathSource, UrlSource
from analysis_worker.prices import upper_bound
from analysis_worker.speech import SpokenBeside
from analysis_worker.tokens import InputTokens

if TYPE_CHECKING:
    from datetime import date

    from analysis_worker.cutting.cutter import FilmSource
    from analysis_worker.media.media_store import MediaStore
    from analysis_worker.outline import Wishes
    from analysis_worker.planner import Planner
    from analysis_worker.values import AnalysisPlan, PlannedMedia
    from media_contracts import AnalysisRequested

_NEAR_SECONDS: Final = 0.5
NOWHERE: Final = FilmLook(key_frames=None, copies=False)
"""As of a medium that cannot be copied."""


async def cut_plan(
    request: AnalysisRequested, plan: AnalysisPlan, wishes: Wishes, *, planner: Planner, day: date
) -> tuple[AnalysisPlan, CutPlan | None]:
    """The plan, and how its long medium is cut; None: nothing is. A look may show another length than the probe did.

    Raises what `choose_cut`, `require_scratch` and `Cutter.look` raise.
    """
    if isinstance(plan.speech, SpokenBeside):
        # Its sound has room on scratch space as well: who holds a piece and waits for that could wait for himself.
        if any(item.clip is not None for item in request.media):
            raise FeatureUnsupported(
                f"the profile {plan.profile.name!r} answers in speech in the same call, and then a medium is sent whole;"
                " leave out clip or speech"
            )
        return plan, None
    choice = choose_cut(
        plan.media[: len(request.media)],
        card=plan.card,
        detail=wishes.detail,
        public=planner.store.public,
        speeds=planner.speeds,
        in_one_call=plan.profile.free_text,
    )
    if choice is None:
        return plan, None
    medium = plan.media[choice.media_index]
    source = film_source(planner.store, medium, choice.media_index)
    probed = medium.probed
    if probed is None:
        raise ValueError(f"media[{choice.media_index}] was chosen to be cut and was not probed")
    # What is encoded anyway is not looked at.
    look = NOWHERE if isinstance(choice.shape, Shrunk) else await planner.cutter.look(source)
    if look.duration_seconds and abs(look.duration_seconds - (probed.duration_seconds or 0.0)) > _NEAR_SECONDS:
        told = _as_long_as(plan, choice.media_index, look.duration_seconds)
        return await cut_plan(request, told, wishes, planner=planner, day=day)
    cut = CutPlan(
        media_index=choice.media_index,
        segments=cut_up(
            probed,
            choice.shape,
            look,
            card=plan.card,
            start_seconds=choice.start_seconds,
            end_seconds=choice.end_seconds,
        ),
        wishes=wishes,
        timelines=plan.timelines or (EVERYWHERE, *timelines_of(plan.schema.document)),
        reduce_model=_reducer(request, plan, planner=planner, day=day),
    )
    require_scratch(plan, cut, source, public=planner.store.public, scratch_bytes=planner.scratch_bytes)
    return plan, cut


def _as_long_as(plan: AnalysisPlan, index: int, seconds: float) -> AnalysisPlan:
    """The plan with the medium's true length."""
    medium = plan.media[index]
    if medium.probed is None:
        return plan
    told = replace(medium, probed=replace(medium.probed, duration_seconds=seconds))
    return replace(
        plan,
        media=(*plan.media[:index], told, *plan.media[index + 1 :]),
        # Given at all, it is that of the only medium that has one.
        duration_seconds=None if plan.duration_seconds is None else seconds,
    )


def _reducer(request: AnalysisRequested, plan: AnalysisPlan, *, planner: Planner, day: date) -> str:
    """Who makes one answer of the segments': the operator's text model, or where its price is unknown, or in another
    currency, and the request has a budget, the request's own model, with which the budget can be kept.
    """
    budget = request.limits.max_cost
    if budget is None:
        return planner.reduce_model
    card = planner.catalogue.card(planner.reduce_model)
    bound = upper_bound(card=card, region=planner.region, expected=InputTokens(text=1), max_output_tokens=1, on=day)
    return plan.model if bound is None or bound.currency != budget.currency else planner.reduce_model


def film_source(store: MediaStore, medium: PlannedMedia, index: int) -> FilmSource:
    """Where a child process reads the medium; signed anew each time, for a signature does not live long."""
    kind = medium.item.kind
    source = store.film_source(medium.objects[0], index=index, kind=kind)
    match source:
        case UrlSource() | PathSource():
            return source
        case HeadSource():
            raise ValueError(f"media[{index}] ({kind}) is no film or recording of the store")
        case _:
            assert_never(source)
