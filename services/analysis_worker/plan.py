"""Job in, `AnalysisPlan` out: allowed, within the model card's limits and the budget, or a named rejection.

The order is cheap first: what the request alone shows, then what the store says (HEAD), then what the first bytes
show (decoded in a child process). Every later read carries the ETag that was seen here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Final

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.cutting.picture_plan import as_sent, inline_now, picture_shrinks
from analysis_worker.errors import (
    FeatureUnsupported,
    MediaKindUnsupported,
    ParameterInvalid,
    RequestExpired,
)
from analysis_worker.limits import require_budget
from analysis_worker.long_media.cut_bounds import bounded
from analysis_worker.long_media.cut_look import cut_plan
from analysis_worker.media.media_access import require_access
from analysis_worker.media.media_facts import planned_medium
from analysis_worker.outline import check_sizes, check_turns, conversation, cost_bound, outline, read_wishes
from analysis_worker.speech import SpokenBeside, choose_speech, most_sound_bytes
from analysis_worker.tokens import InputTokens
from analysis_worker.values import AnalysisPlan, Delivery, Job, PlannedMedia
from media_contracts import Estimate, Money

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analysis_worker.answers.schemas import OutputSchema
    from analysis_worker.cutting.shrink_pictures import PictureShrink
    from analysis_worker.outline import Wishes
    from analysis_worker.planner import Planner
    from analysis_worker.profiles import Profile, Profiles
    from media_contracts import AnalysisRequested


_LESS: Final = 0.6
"""Of its length, at most, in each of the pieces when an answer about the whole was too long."""


async def plan(
    job: Job,
    *,
    planner: Planner,
    now: datetime,
    spent: Money | None,
    model: str | None = None,
    less_media: bool = False,
) -> AnalysisPlan:
    """Decide what will be asked and how its media travel; `spent` is what earlier calls of it have cost.

    `model` is the one to plan for, one of the request's fallbacks; without it the request's own. With `less_media` the
    one film or recording is cut where it would be asked about whole: its answer was too long for one call.

    :raises Rejected: one of its leaves, with the value and the remedy.
    :raises StoreUnavailable: when the store does not answer.
    """
    request = job.request
    _require_in_time(job, now)
    _require_supported(job)
    model = model or request.model.name or planner.default_model
    card = planner.catalogue.card(model)
    profile = _profile(job, planner.profiles)
    profile.check_kinds(item.kind for item in request.media)
    schema = _schema(request, profile)
    speech = choose_speech(
        request.speech, model=model, card=card, profile=profile, schema=schema.document, catalogue=planner.catalogue
    )
    voice = speech.voice if isinstance(speech, SpokenBeside) else None
    detail = planner.catalogue.details[request.model.detail]
    wishes = read_wishes(request, model=model, card=card, profile=profile, schema=schema, detail=detail, voice=voice)
    check_turns(request, card=card, stored=Delivery.PRESIGNED if planner.store.public else Delivery.INLINE)
    items = (*request.media, *(item for turn in request.history for item in turn.media))
    require_access(items, tenant=request.tenant, allowed=planner.allowed, url_hosts=planner.url_hosts)
    media = tuple([await planned_medium(item, index=index, planner=planner) for index, item in enumerate(items)])
    length = _one_length(media)
    if less_media and length is not None:
        wishes = replace(wishes, detail=wishes.detail.at_most(length * _LESS))
    base = AnalysisPlan(
        model=model,
        card=card,
        profile=profile,
        schema=schema,
        media=media,
        messages=conversation(request, card=card, profile=profile, schema=schema, detail=detail, speaks=wishes.speaks),
        parameters=wishes.parameters,
        pixels=wishes.pixels,
        input_tokens=InputTokens(),
        unseen_tokens=InputTokens(),
        reasoning_tokens=wishes.thinking.most_tokens(card),
        estimate=Estimate(input_tokens=0),
        speech=speech,
        sound_bytes=most_sound_bytes(wishes.max_output_tokens(card)) if voice else 0,
        timelines=profile.timelines if request.output_schema is None else (),
        duration_seconds=length,
    )
    made = await _counted(request, base, wishes, planner=planner, now=now)
    if spent is None or made.cut is None:  # what finished segments cost is known when the ledger was read
        require_budget(max_cost=request.limits.max_cost, bound=made.estimate.cost, spent=spent, model=_priced(made))
    return made


async def _counted(
    request: AnalysisRequested, base: AnalysisPlan, wishes: Wishes, *, planner: Planner, now: datetime
) -> AnalysisPlan:
    """The plan with its messages, counts and bound, of one call or of all into which a medium is cut."""
    card, day = base.card, now.astimezone(UTC).date()
    base, cut = await cut_plan(request, base, wishes, planner=planner, day=day)
    if cut is not None:
        return bounded(
            request,
            base,
            cut,
            reduce_card=planner.catalogue.card(cut.reduce_model) if cut.in_segments else card,
            public=planner.store.public,
            region=planner.region,
            day=day,
        )
    shrinks: dict[int, PictureShrink] = {}
    if not isinstance(base.speech, SpokenBeside):  # whose sound needs scratch space too, and one waits for one thing
        shrinks = picture_shrinks(base.media, card=card, pixels=wishes.pixels, speeds=planner.speeds)
    media = as_sent(base.media, shrinks)
    made = outline(request, wishes, card=card, profile=base.profile, schema=base.schema, media=media)
    check_sizes(request, wishes, made, card=card, media=media)
    return replace(
        base,
        media=inline_now(base.media, shrinks),
        pictures=shrinks,
        can_lessen=base.duration_seconds is not None and not base.profile.free_text,
        messages=made.messages,
        input_tokens=made.input_tokens,
        unseen_tokens=made.unseen_tokens,
        estimate=Estimate(
            input_tokens=made.input_tokens.total,
            cost=cost_bound(wishes, made, card=card, region=planner.region, day=day),
        ),
    )


def _priced(made: AnalysisPlan) -> str:
    """Whose price a rejection is about."""
    reduction = made.cut.reduction if made.cut is not None else None
    return made.cut.reduce_model if made.cut and reduction is not None and reduction.cost is None else made.model


def _one_length(media: Sequence[PlannedMedia]) -> float | None:
    """The length that bounds an answer's times: of the only medium that has one."""
    timed = [medium for medium in media if medium.item.kind in {"audio", "video", "frames"}]
    return timed[0].probed.duration_seconds if len(timed) == 1 and timed[0].probed else None


def _require_in_time(job: Job, now: datetime) -> None:
    if now >= job.deadline:
        raise RequestExpired(f"the deadline {job.deadline.isoformat()} passed before it was asked: send it again")


def _require_supported(job: Job) -> None:
    request = job.request
    missing = {
        f"route {request.route!r}": request.route not in {"auto", "live"},
        "clip of what no store of ours holds": any(item.clip is not None and item.url for item in request.media),
        "clip in history[]": any(item.clip is not None for turn in request.history for item in turn.media),
    }
    if asked := [name for name, is_asked in missing.items() if is_asked]:
        raise FeatureUnsupported(f"this release has no {', '.join(asked)}: leave it out")
    for index, turn in enumerate(request.history):
        if turn.role == "assistant" and turn.media:
            raise MediaKindUnsupported(
                f"history[{index}]: an assistant's turn takes text only, here it has {len(turn.media)} media; "
                "give them to the user's turn before it"
            )


def _schema(request: AnalysisRequested, profile: Profile) -> OutputSchema:
    if request.output_schema is None:
        return profile.schema
    if profile.free_text:
        raise ParameterInvalid(
            f"the profile {profile.name!r} answers in free text: leave output_schema out or name another profile"
        )
    return compile_schema(request.output_schema)


def _profile(job: Job, profiles: Profiles) -> Profile:
    if job.request.profile is not None:
        return profiles.get(job.request.profile)
    return profiles.default_for(item.kind for item in job.request.media)
