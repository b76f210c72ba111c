"""Local files and a model's card in; what the worker would plan for them, its count and its bound, or its rejection, out.

The plan is the worker's own function over the same values, so `estimate` and the worker cannot say different things.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis_worker.catalogue import Catalogue  # noqa: TC001  (a field of a dataclass)
from analysis_worker.cutting.cutter import Cutter
from analysis_worker.cutting.shrink import SPEEDS
from analysis_worker.errors import Rejected
from analysis_worker.limits import fits_inline
from analysis_worker.local import BUCKET, SCRATCH_BYTES, LocalFiles
from analysis_worker.media.probe import ProbePool
from analysis_worker.outline import cost_bound, outline, read_wishes
from analysis_worker.pipeline.speaking import reading_plan
from analysis_worker.plan import plan
from analysis_worker.planner import Planner
from analysis_worker.prices import total_of
from analysis_worker.receive import receive
from analysis_worker.speech import SpokenAfter
from analysis_worker.values import Delivered, Delivery, PlannedMedia
from media_analysis.outlook import Counted, Outlook, Reading
from media_contracts import KafkaRecord, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from analysis_worker.calibration import Calibration
    from analysis_worker.cards import ModelCard
    from analysis_worker.profiles import Profiles
    from analysis_worker.values import AnalysisPlan, Job
    from media_analysis.outlook import Question
    from media_contracts import AnalysisRequested

_DAY_SECONDS: Final = 86_400.0
_CHARACTERS: Final = 4
"""About so many make a token."""


class _PublicFiles(LocalFiles):
    """The local disk, taken for a store that the model can reach."""

    public = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Foresight:
    """What all models are looked at with; `inline` when the model cannot fetch, None: where it is necessary it can."""

    question: Question
    catalogue: Catalogue
    profiles: Profiles
    pool: ProbePool
    cutter: Cutter
    reduce_model: str
    inline: bool | None
    now: datetime

    async def outlook(self, name: str, learned: Calibration | None) -> Outlook:
        """What one model makes of the files."""
        card = self.catalogue.card(name)
        question, public = self.question, False
        counted: Counted | None = None
        rejection: Rejected | None = None
        try:
            public = self._is_public(card)
            counted = self._counted(await self._planned(name, public=public))
        except Rejected as fault:
            rejection, counted = fault, self._counted_so_far(name, card)
        delivery = Delivery.PRESIGNED if public else Delivery.INLINE
        return Outlook(
            model=name, delivery=delivery, question=question, counted=counted, rejection=rejection, learned=learned
        )

    def _is_public(self, card: ModelCard) -> bool:
        if self.inline is not None:
            return not self.inline
        return not all(fits_inline(card, probed) for probed in self.question.media)

    async def _planned(self, name: str, *, public: bool) -> AnalysisPlan:
        request = self.question.request
        planner = Planner(
            store=_PublicFiles() if public else LocalFiles(),
            pool=self.pool,
            catalogue=self.catalogue,
            profiles=self.profiles,
            allowed={request.tenant: (f"{BUCKET}/*",)},
            url_hosts=frozenset(),
            default_model=name,
            region=self.question.region,
            cutter=self.cutter,
            scratch_bytes=SCRATCH_BYTES,
            reduce_model=self.reduce_model,
            speeds=SPEEDS,
        )
        return await plan(_job(request, self.now), planner=planner, now=self.now, spent=None, model=name)

    def _counted(self, made: AnalysisPlan) -> Counted:
        reading = self._reading(made)
        bound = made.estimate.cost
        return Counted(
            tokens=made.input_tokens,
            bound=bound if reading is None else total_of([bound, reading.bound]),
            max_output_tokens=made.max_output_tokens,
            user_messages=sum(message.role == "user" for message in made.messages),
            thinking=made.reasoning_tokens > 0,
            pixels=made.pixels,
            cut=made.cut,
            reading=reading,
            unpriced=self._unpriced(made),
        )

    def _unpriced(self, made: AnalysisPlan) -> tuple[str, ...]:
        cards = [made.card]
        if made.cut is not None and made.cut.reduction is not None:
            cards.append(self.catalogue.card(made.cut.reduce_model))
        if isinstance(made.speech, SpokenAfter):
            cards.append(made.speech.card)
        return tuple(dict.fromkeys(card.name for card in cards if self.question.region not in card.prices))

    def _reading(self, made: AnalysisPlan) -> Reading | None:
        """The call that would read aloud a text as long as the answer may be."""
        if not isinstance(made.speech, SpokenAfter):
            return None
        text = "word" * (made.max_output_tokens * _CHARACTERS // len("word"))
        call = reading_plan(made, made.speech, text, region=self.question.region, now=self.now)
        return Reading(model=call.model, voice=made.speech.voice, bound=call.estimate.cost)

    def _counted_so_far(self, name: str, card: ModelCard) -> Counted | None:
        """What can be said of a request that is refused: that of one call about the media as they are."""
        question = self.question
        request, profile = question.request, question.profile
        try:
            wishes = read_wishes(
                request, model=name, card=card, profile=profile, schema=profile.schema, detail=question.detail
            )
            media = [
                PlannedMedia(item=item, delivery=Delivery.INLINE, probed=probed)
                for item, probed in zip(request.media, question.media, strict=True)
            ]
            made = outline(request, wishes, card=card, profile=profile, schema=profile.schema, media=media)
        except Rejected:
            return None
        return Counted(
            tokens=made.input_tokens,
            bound=cost_bound(wishes, made, card=card, region=question.region, day=self.now.date()),
            max_output_tokens=wishes.max_output_tokens(card),
            user_messages=sum(message.role == "user" for message in made.messages),
            thinking=wishes.thinking.on,
            pixels=wishes.pixels,
        )


@asynccontextmanager
async def foresight(
    question: Question, *, profiles: Profiles, reduce_model: str, inline: bool | None, now: datetime
) -> AsyncIterator[Foresight]:
    """Give the means, with the processes that look into the files, for the length of the block."""
    async with ProbePool(children=1) as pool:
        yield Foresight(
            question=question,
            catalogue=question.catalogue,
            profiles=profiles,
            pool=pool,
            cutter=Cutter(children=1),
            reduce_model=reduce_model,
            inline=inline,
            now=now,
        )


def _job(request: AnalysisRequested, now: datetime) -> Job:
    value = request.model_dump_json(exclude_defaults=True).encode()
    record = KafkaRecord(topic=topics.REQUESTED, key=None, value=value)
    delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=int(now.timestamp() * 1000))
    return receive(delivered, now=now, tenant_topics={}, default_deadline_seconds=_DAY_SECONDS)
