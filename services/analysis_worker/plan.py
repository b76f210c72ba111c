"""Job in, `AnalysisPlan` out: allowed, within the model card's limits and the budget, or a named rejection.

The order is cheap first: what the request alone shows, then what the store says (HEAD), then what the first bytes
show (decoded in a child process). Every later read carries the ETag that was seen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis_worker.errors import FeatureUnsupported, MediaEmpty, ParameterInvalid, RequestExpired
from analysis_worker.limits import check_context, check_media, check_parameters, require_budget
from analysis_worker.media_access import require_access
from analysis_worker.prices import upper_bound
from analysis_worker.probe import HEAD_BYTES, HeadSource, ProbeSource, join_frames, probe
from analysis_worker.prompt import Message, PastTurn, TextPart, build_messages
from analysis_worker.request_body import CallParameters
from analysis_worker.schemas import OutputSchema, compile_schema
from analysis_worker.tokens import InputTokens, input_tokens
from analysis_worker.values import AnalysisPlan, Delivery, Job, PlannedMedia, StoredObject
from media_contracts import Estimate, MediaItem, Money

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analysis_worker.cards import ModelCard
    from analysis_worker.planner import Planner
    from analysis_worker.probed import ProbedMedia
    from analysis_worker.profiles import Profile, Profiles


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
    schema = compile_schema(request.output_schema) if request.output_schema is not None else profile.schema
    parameters = _parameters(job, model=model, card=card, profile=profile)
    items = (*request.media, *(item for turn in request.history for item in turn.media))
    require_access(items, tenant=request.tenant, allowed=planner.allowed, url_hosts=planner.url_hosts)
    media = tuple([await _plan_media(item, index=index, planner=planner) for index, item in enumerate(items)])
    _check_media(card, media)
    probed = [medium.probed for medium in media if medium.probed is not None]
    messages = _messages(job, profile=profile, schema=schema)
    tokens = input_tokens(card=card, texts=_texts(messages), media=probed)
    max_output_tokens = parameters.max_tokens or card.context.max_output_tokens
    _require_within(job, card=card, tokens=tokens, max_output_tokens=max_output_tokens)
    bound = upper_bound(card=card, region=planner.region, expected=tokens, max_output_tokens=max_output_tokens)
    require_budget(max_cost=request.limits.max_cost, bound=bound, spent=spent, model=model)
    return AnalysisPlan(
        model=model,
        card=card,
        profile=profile,
        schema=schema,
        media=media,
        messages=messages,
        parameters=parameters,
        input_tokens=tokens,
        estimate=Estimate(input_tokens=tokens.total, cost=bound),
    )


def _check_media(card: ModelCard, media: Sequence[PlannedMedia]) -> None:
    """The card's limits for what is asked by URL and for what goes inline; URLs of others cannot be looked at."""
    for delivery in Delivery:
        probed = [medium.probed for medium in media if medium.probed is not None and medium.delivery is delivery]
        if probed:
            check_media(card, probed, delivery)
    for medium in media:
        card.media_limits(medium.item.kind)


def _require_supported(job: Job) -> None:
    request = job.request
    missing = {
        "speech": request.speech is not None,
        "model.search": bool(request.model.search),
        "model.reasoning": bool(request.model.reasoning and request.model.reasoning.enabled),
        f"route {request.route!r}": request.route not in {"auto", "live"},
        "media[].clip": any(item.clip is not None for item in request.media),
    }
    if asked := [name for name, is_asked in missing.items() if is_asked]:
        raise FeatureUnsupported(f"this release has no {', '.join(asked)}: leave it out")


def _profile(job: Job, profiles: Profiles) -> Profile:
    if job.request.profile is not None:
        return profiles.get(job.request.profile)
    return profiles.default_for(item.kind for item in job.request.media)


def _parameters(job: Job, *, model: str, card: ModelCard, profile: Profile) -> CallParameters:
    choice = job.request.model
    temperature = choice.temperature if choice.temperature is not None else profile.temperature
    check_parameters(card, temperature=temperature, seed=choice.seed)
    most = card.context.max_output_tokens
    if (choice.max_output_tokens or 0) > most:
        raise ParameterInvalid(
            f"model.max_output_tokens {choice.max_output_tokens} is over the {most} of {model}: lower it"
        )
    can = card.capabilities
    thinks = can.thinking == "on_by_default"
    return CallParameters(
        model=model,
        json_mode=can.json_mode,
        temperature=temperature,
        seed=choice.seed,
        max_tokens=min(choice.max_output_tokens or profile.max_output_tokens or most, most),
        # Some families punish repetition by default, and JSON repeats its keys (provider.md §2c).
        presence_penalty=0 if card.parameters.presence_penalty is not None else None,
        # JSON mode and thinking exclude each other (provider.md §4b); models that think by default are told not to.
        enable_thinking=False if thinks and can.thinking_switch == "enable_thinking" else None,
        reasoning_effort="none" if thinks and can.thinking_switch == "reasoning_effort" else None,
    )


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


def _messages(job: Job, *, profile: Profile, schema: OutputSchema) -> tuple[Message, ...]:
    request = job.request
    return build_messages(
        prompt=profile.prompt,
        schema_text=schema.text,
        media_count=len(request.media),
        instruction=request.instruction,
        language=request.language,
        history=[PastTurn(role=turn.role, text=turn.text, media_count=len(turn.media)) for turn in request.history],
    )


def _texts(messages: Sequence[Message]) -> list[str]:
    return ["\n".join(part.text for part in message.parts if isinstance(part, TextPart)) for message in messages]


def _require_within(job: Job, *, card: ModelCard, tokens: InputTokens, max_output_tokens: int) -> None:
    check_context(
        card,
        input_tokens=tokens.total,
        max_output_tokens=max_output_tokens,
        max_input_tokens=job.request.limits.max_input_tokens,
    )
