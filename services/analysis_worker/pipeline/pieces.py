"""A segment of a long medium in, its answer out: cut on scratch space, sent or uploaded, asked like any call."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING

from analysis_worker.ask import Asked, Asker, ask
from analysis_worker.cutting.scratch_objects import ScratchObjects
from analysis_worker.errors import MediaTooLarge, ProbeUnavailable, StoreUnavailable
from analysis_worker.limits import require_budget
from analysis_worker.long_media.cut_look import film_source
from analysis_worker.long_media.segment_call import call_about
from analysis_worker.long_media.segment_media import cut_on_scratch, piece_of
from analysis_worker.long_media.segment_plan import order_of
from analysis_worker.long_media.segments import Cut, Segment
from analysis_worker.patience import OUTAGE_PAUSE_SECONDS
from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from datetime import date

    from analysis_worker.ledger import Claim
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.long_media.segment_tools import SegmentTools
    from analysis_worker.values import AnalysisPlan, Job, PlannedMedia
    from media_contracts import Money

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PieceAsked:
    """A good answer about a piece, and where its zero lies in the medium."""

    asked: Asked
    start_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """The pieces of one request's long medium, and what asks about them."""

    job: Job
    whole: AnalysisPlan
    cut: CutPlan
    claim: Claim
    asker: Asker
    tools: SegmentTools

    @property
    def objects(self) -> ScratchObjects | None:
        """The request's scratch objects; None: there is no store for them, or the model cannot reach it."""
        tools, job = self.tools, self.job
        if tools.store is None or not tools.store.public:
            return None
        return ScratchObjects(
            store=tools.store, bucket=tools.bucket, tenant=job.identity.tenant, completion_id=job.completion_id
        )

    @property
    def today(self) -> date:
        """The day whose prices hold."""
        return self.asker.now().astimezone(UTC).date()

    def call(self, segment: Segment, piece: PlannedMedia) -> AnalysisPlan:
        """The call about that piece. Raises what `call_about` raises."""
        region = self.tools.planner.region
        return call_about(self.job.request, self.whole, self.cut, segment, piece, region=region, day=self.today)

    def require_budget(self, bound: Money | None, *, model: str) -> None:
        """Hold a bound against what is left beside the calls that are under way.

        Raises what `limits.require_budget` raises.
        """
        gone = self.asker.gone(self.claim)
        require_budget(max_cost=self.job.request.limits.max_cost, bound=bound, spent=gone, model=model)

    async def ask(self, segment: Segment) -> PieceAsked:
        """Cut it and ask about it; a store that does not answer is waited for here, for others are in mid-call.

        Raises what `ask`, `Cutter.cut`, `call_about` and `limits.require_budget` raise.
        """
        while True:
            try:
                return await self._cut_and_asked(segment)
            except MediaTooLarge:
                if segment.cut is not Cut.COPY:
                    raise
                segment = replace(segment, cut=Cut.ENCODE)  # denser here than elsewhere: encoded it fits
            except (StoreUnavailable, ProbeUnavailable) as error:
                event = "store_retried" if isinstance(error, StoreUnavailable) else "probe_retried"
                log.warning("a segment waits", extra={"event": event, "error": error.message})
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)

    def _asker_from(self, start_seconds: float) -> Asker:
        """What asks about a piece that begins there; its progress has the times of the whole, as the result will."""
        by = self.asker.by
        if by.listen is None or self.whole.profile.free_text:
            return self.asker
        listen = partial(by.listen, timelines=self.cut.timelines, by_seconds=start_seconds)
        return replace(self.asker, by=replace(by, listen=listen))

    async def _cut_and_asked(self, segment: Segment) -> PieceAsked:
        tools, whole, index = self.tools, self.whole, self.cut.media_index
        medium, store = whole.media[index], tools.planner.store
        if medium.probed is None:
            raise ValueError(f"media[{index}] is cut and was not probed")
        order = order_of(
            film_source(store, medium, index),
            segment,
            medium.probed,
            card=whole.card,
            public=store.public,
            path=tools.folder / f"{self.job.completion_id}-{segment.index}",
        )
        async with (
            cut_on_scratch(order, cutter=tools.planner.cutter, space=tools.space) as made,
            AsyncExitStack() as held,
        ):
            piece = piece_of(medium, segment, made, card=whole.card, public=store.public)
            if piece.delivery is Delivery.PRESIGNED and self.objects is not None:
                stored = await held.enter_async_context(self.objects.holding(segment.index, made))
                made.path.unlink()  # its reservation is the object's from here on: one of the two is enough
                piece = replace(piece, objects=(stored,))
            call = self.call(segment, piece)
            self.require_budget(call.estimate.cost, model=call.model)
            asked = await ask(self.job, call, self.claim, asker=self._asker_from(made.start_seconds))
        return PieceAsked(asked=asked, start_seconds=made.start_seconds)
