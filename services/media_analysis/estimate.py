"""Local files and model names in; what a request with them would count and cost, without asking a model, out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import Rejected
from analysis_worker.local import BUCKET
from analysis_worker.media.probe import HEAD_BYTES, HeadSource, HeadTooShort, PathSource, ProbePool, ProbeSource, probe
from analysis_worker.media.sniff import sniff
from analysis_worker.profiles import load_profiles
from analysis_worker.settings import ModelSettings, WorkerSettings
from media_analysis.calibration import read_calibrations
from media_analysis.clip_option import clip_for, clip_option
from media_analysis.foresee import foresight
from media_analysis.model_options import given_model, model_options, voice_option
from media_analysis.outlook import Outlook, Question, show
from media_contracts import AnalysisRequested, MediaItem, ModelChoice, Speech

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analysis_worker.calibration import Calibration
    from analysis_worker.cards import Kind
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.profiles import Profiles

_REJECTED: Final = 1


@click.command(name="estimate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "models", multiple=True, metavar="M", help="A model; give several to compare. [MODEL_NAME]")
@click.option("--all-models", is_flag=True, help="Compare every model of the catalogue.")
@click.option("--kind", type=click.Choice(["image", "audio", "video"]), help="What the files are, if not as they look.")
@click.option("--profile", metavar="NAME", help="The structured prompt; by default the one for the files' kind.")
@model_options
@click.option("--instruction", default=None, metavar="TEXT", help="Free text added to the prompt.")
@click.option("--max-output-tokens", type=click.IntRange(min=1), help="The answer's bound; the profile's by default.")
@voice_option
@clip_option
@click.option(
    "--inline/--by-url",
    default=None,
    help="Whether the model is sent the bytes or fetches them.  [default: it fetches what is too large]",
)
@click.option("--region", metavar="NAME", help="The price list. [MODEL_REGION]")
@click.option(
    "--completions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Completions, one a line: show what the provider counted for each estimated token.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one for each model.")
def command(  # noqa: PLR0917  (click passes options by name)
    files: tuple[Path, ...],
    models: tuple[str, ...],
    all_models: bool,  # noqa: FBT001  (click passes it by name)
    kind: Kind | None,
    profile: str | None,
    detail: str | None,
    effort: str | None,
    thinking: bool | None,  # noqa: FBT001  (click passes it by name)
    search: bool | None,  # noqa: FBT001  (click passes it by name)
    instruction: str | None,
    max_output_tokens: int | None,
    voice: str | None,
    clip: dict[str, float] | None,
    inline: bool | None,  # noqa: FBT001  (click passes it by name)
    region: str | None,
    completions: Path | None,
    as_json: bool,  # noqa: FBT001  (click passes it by name)
) -> int:
    """Say what FILES in one request would count and cost, and how they would be asked about, without asking a model.

    A film or recording that is too long for one call is shown with its cut: the segments, the call that puts their
    answers together, and the sum of all. The cost is an upper bound, the one that `max_cost` is held against: the input
    with a margin and every token that the answers may have. It is null where a price is unknown. What --completions
    teaches is shown and changes nothing.

    Exit code: 0 some model takes the files, 1 none does.
    """
    settings = ModelSettings()
    catalogue = load_catalogue(Path(settings.catalogue_file) if settings.catalogue_file else None)
    names = models or (tuple(sorted(catalogue.cards)) if all_models else (settings.name,))
    for name in names:
        catalogue.card(name)
    folder = WorkerSettings().profiles_directory
    profiles = load_profiles(Path(folder) if folder else None)
    probed = asyncio.run(_probed(files, kind))
    choice = given_model(name=None, detail=detail, effort=effort, thinking=thinking, search=search)
    choice = choice.model_copy(update={"max_output_tokens": max_output_tokens})
    question = Question(
        request=_request(
            probed, files, instruction=instruction, profile=profile, voice=voice, clip=clip, choice=choice
        ),
        media=probed,
        profile=profiles.get(profile) if profile else profiles.default_for(item.kind for item in probed),
        catalogue=catalogue,
        region=region or settings.region,
    )
    learned = read_calibrations(completions) if completions else {}
    outlooks = asyncio.run(
        _outlooks(question, names, learned, profiles=profiles, reduce_model=settings.reduce_name, inline=inline)
    )
    if as_json:
        for outlook in outlooks:
            click.echo(json.dumps(outlook.document(), ensure_ascii=False))
    else:
        show(outlooks)
    return _REJECTED if all(outlook.rejection for outlook in outlooks) else 0


async def _outlooks(
    question: Question,
    names: Iterable[str],
    learned: Mapping[str, Calibration],
    *,
    profiles: Profiles,
    reduce_model: str,
    inline: bool | None,
) -> list[Outlook]:
    now = datetime.now(UTC)
    async with foresight(question, profiles=profiles, reduce_model=reduce_model, inline=inline, now=now) as means:
        return [await means.outlook(name, learned.get(name)) for name in names]


def _request(
    probed: Sequence[ProbedMedia],
    files: Sequence[Path],
    *,
    instruction: str | None,
    profile: str | None,
    voice: str | None,
    clip: dict[str, float] | None,
    choice: ModelChoice,
) -> AnalysisRequested:
    """The request that `media-analysis analyze` would make of these files."""
    media = tuple(
        MediaItem(kind=facts.kind, bucket=BUCKET, key=str(path.absolute()), **clip_for(facts.kind, clip))
        for facts, path in zip(probed, files, strict=True)
    )
    return AnalysisRequested(
        request_id="estimate",
        media=media,
        profile=profile,
        instruction=instruction,
        model=choice,
        speech=Speech(voice=voice) if voice else None,
    )


async def _probed(files: Sequence[Path], kind: Kind | None) -> list[ProbedMedia]:
    async with ProbePool(children=1) as pool:
        return [await _probed_file(pool, index, path, kind) for index, path in enumerate(files)]


async def _probed_file(pool: ProbePool, index: int, path: Path, kind: Kind | None) -> ProbedMedia:
    head, size_bytes = await asyncio.to_thread(_read, path, HEAD_BYTES)
    found = sniff(head)
    is_a: Kind = kind or (found.family if found else "image")
    source: ProbeSource = HeadSource(index=index, kind=is_a, size_bytes=size_bytes, head=head)
    if is_a != "image":
        source = PathSource(index=index, kind=is_a, size_bytes=size_bytes, path=path)
    try:
        return await probe(source, pool=pool)
    except HeadTooShort:
        whole, _ = await asyncio.to_thread(_read, path, size_bytes)
        return await probe(HeadSource(index=index, kind=is_a, size_bytes=size_bytes, head=whole), pool=pool)
    except Rejected as fault:
        raise type(fault)(f"{path}: {fault.message}") from fault


def _read(path: Path, size_bytes: int) -> tuple[bytes, int]:
    """The first bytes of a file and how many it has."""
    with path.open("rb") as file:
        return file.read(size_bytes), path.stat().st_size
