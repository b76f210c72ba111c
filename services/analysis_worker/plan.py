"""Job in, `AnalysisPlan` out: allowed, within the model card's limits and the budget, or a named rejection.

The order is cheap first: what the request alone shows, then what the store says (HEAD), then what the first bytes
show (decoded in a child process). Every later read carries the ETag that was seen here.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from analysis_worker.errors import (
    FeatureUnsupported,
    MediaEmpty,
    MediaKindUnsupported,
    ParameterInvalid,
    RequestExpired,
)
from analysis_worker.limits import require_budget
from analysis_worker.media_access import require_access
from analysis_worker.outline import check_sizes, check_turns, cost_bound, outline, read_wishes
from analysis_worker.probe import HEAD_BYTES, HeadSource, ProbeSource, join_frames, probe
from analysis_worker.schemas import compile_schema
from analysis_worker.speech import SpokenBeside, choose_speech, most_sound_bytes
from analysis_worker.values import AnalysisPlan, Delivery, Job, PlannedMedia, StoredObject
from media_contracts import Estimate, MediaItem, Money

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analysis_worker.planner import Planner
    from analysis_worker.probed import ProbedMedia
    from analysis_worker.profiles import Profile, Profiles
    from analysis_worker.schemas import OutputSchema
    from media_contracts import AnalysisRequested


async def plan(
    job: Job, *, planner: Planner, now: datetime, spent: Money | None, model: str | None = None
) -> AnalysisPlan:
    """Decide what will be asked and how its media travel; `spent` is what earlier calls of it have cost.

    `model` is the one to plan for, one of the request's fallbacks; without it the request's own.

    :raises Rejected: one of its leaves, with the value and the remedy.
    :raises StoreUnavailable: when the store does not answer.
    """
    request = job.request
    if now >= job.deadline:
        raise RequestExpired(f"the deadline {job.deadline.isoformat()} passed before it was asked: send it again")
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
    media = tuple([await _plan_media(item, index=index, planner=planner) for index, item in enumerate(items)])
    made = outline(request, wishes, card=card, profile=profile, schema=schema, media=media)
    check_sizes(request, wishes, made, card=card, media=media)
    bound = cost_bound(wishes, made, card=card, region=planner.region, day=now.astimezone(UTC).date())
    require_budget(max_cost=request.limits.max_cost, bound=bound, spent=spent, model=model)
    return AnalysisPlan(
        model=model,
        card=card,
        profile=profile,
        schema=schema,
        media=media,
        messages=made.messages,
        parameters=wishes.parameters,
        pixels=wishes.pixels,
        input_tokens=made.input_tokens,
        unseen_tokens=made.unseen_tokens,
        reasoning_tokens=wishes.thinking.most_tokens(card),
        estimate=Estimate(input_tokens=made.input_tokens.total, cost=bound),
        speech=speech,
        sound_bytes=most_sound_bytes(wishes.max_output_tokens(card)) if voice else 0,
        timelines=profile.timelines if request.output_schema is None else (),
        duration_seconds=_one_length(media),
    )


def _one_length(media: Sequence[PlannedMedia]) -> float | None:
    """The length that bounds an answer's times: of the only medium that has one."""
    timed = [medium for medium in media if medium.item.kind in {"audio", "video", "frames"}]
    return timed[0].probed.duration_seconds if len(timed) == 1 and timed[0].probed else None


def _require_supported(job: Job) -> None:
    request = job.request
    missing = {
        f"route {request.route!r}": request.route not in {"auto", "live"},
        "media[].clip": any(item.clip is not None for item in request.media),
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


async def _plan_media(item: MediaItem, *, index: int, planner: Planner) -> PlannedMedia:
    urls = item.urls or ((item.url,) if item.url is not None else ())
    if urls:
        return PlannedMedia(item=item, delivery=Delivery.URL, urls=urls)
    keys = item.keys or (item.key or "",)
    objects = tuple([await planner.store.stat(item.bucket or "", key, item.version_id) for key in keys])
    for stored in objects:
        if stored.size_bytes == 0:
            raise MediaEmpty(f"media[{index}] {stored.bucket}/{stored.key} has no bytes: upload it again")
    probed = [await _probe(item, stored, index=index, planner=planner) for stored in objects]
    return PlannedMedia(
        item=item,
        delivery=Delivery.PRESIGNED if planner.store.public else Delivery.INLINE,
        objects=objects,
        probed=join_frames(probed) if item.kind == "frames" else probed[0],
    )


async def _probe(item: MediaItem, stored: StoredObject, *, index: int, planner: Planner) -> ProbedMedia:
    source: ProbeSource
    if item.kind in {"audio", "video"}:
        source = planner.store.film_source(stored, index=index, kind=item.kind)
    else:
        head = await planner.store.read_head(stored, size_bytes=min(HEAD_BYTES, stored.size_bytes))
        source = HeadSource(index=index, kind=item.kind, size_bytes=stored.size_bytes, head=head)
    return await probe(source, pool=planner.pool)
