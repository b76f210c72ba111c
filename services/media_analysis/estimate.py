"""Local files and model names in; what a request with them would count and cost, without asking a model, out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import Rejected
from analysis_worker.limits import INLINE, check_context, check_media, fits_inline
from analysis_worker.prices import upper_bound
from analysis_worker.probe import HEAD_BYTES, HeadSource, HeadTooShort, PathSource, ProbePool, ProbeSource, probe
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import TextPart, build_messages
from analysis_worker.settings import ModelSettings
from analysis_worker.sniff import sniff
from analysis_worker.tokens import InputTokens, input_tokens
from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.cards import Kind, ModelCard
    from analysis_worker.probed import ProbedMedia
    from analysis_worker.profiles import Profile
    from media_contracts import Money

_REJECTED: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outlook:
    """What one model makes of the files: a count and a bound, or the rejection that the worker would complete with."""

    model: str
    tokens: InputTokens | None
    bound: Money | None
    delivery: Delivery
    profile: str
    max_output_tokens: int
    rejection: Rejected | None

    def document(self) -> dict[str, Any]:
        """The JSON of DESIGN.md §3; `plan` says how the cost comes about and why a request would be refused."""
        tokens, bound, fault = self.tokens, self.bound, self.rejection
        names = ("text", "image", "audio", "video")
        return {
            "model": self.model,
            "input": None if tokens is None else {name: getattr(tokens, name) for name in names},
            "input_tokens": None if tokens is None else tokens.total,
            "cost": None if bound is None else {"amount": bound.amount, "currency": bound.currency},
            "plan": {
                "outcome": "accepted" if fault is None else "rejected",
                "error": None if fault is None else {"code": fault.code, "message": fault.message},
                "delivery": str(self.delivery),
                "profile": self.profile,
                "max_output_tokens": self.max_output_tokens,
            },
        }


@click.command(name="estimate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "models", multiple=True, metavar="M", help="A model; give several to compare. [MODEL_NAME]")
@click.option("--kind", type=click.Choice(["image", "audio", "video"]), help="What the files are, if not as they look.")
@click.option("--profile", metavar="NAME", help="The structured prompt; by default the one for the files' kind.")
@click.option("--instruction", default=None, metavar="TEXT", help="Free text added to the prompt.")
@click.option("--max-output-tokens", type=click.IntRange(min=1), help="The answer's bound; the profile's by default.")
@click.option("--region", metavar="NAME", help="The price list. [MODEL_REGION]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one for each model.")
def command(  # noqa: PLR0917  (click passes options by name)
    files: tuple[Path, ...],
    models: tuple[str, ...],
    kind: Kind | None,
    profile: str | None,
    instruction: str | None,
    max_output_tokens: int | None,
    region: str | None,
    as_json: bool,  # noqa: FBT001  (click passes it by name)
) -> int:
    """Say what FILES in one request would count and cost, without asking a model.

    The cost is an upper bound, the one that `max_cost` is held against: the input with a margin and every token that
    the answer may have. It is null where no price is known.

    Exit code: 0 some model takes the files, 1 none does.
    """
    settings = ModelSettings()
    catalogue = load_catalogue(Path(settings.catalogue_file) if settings.catalogue_file else None)
    cards = {name: catalogue.card(name) for name in models or (settings.name,)}
    media = asyncio.run(_probed(files, kind))
    profiles = load_profiles()
    chosen = profiles.get(profile) if profile else profiles.default_for(item.kind for item in media)
    outlooks = [
        _outlook(
            name,
            card,
            media,
            profile=chosen,
            texts=_texts(chosen, media, instruction),
            max_output_tokens=max_output_tokens,
            region=region or settings.region,
        )
        for name, card in cards.items()
    ]
    if as_json:
        for outlook in outlooks:
            click.echo(json.dumps(outlook.document(), ensure_ascii=False))
    else:
        _show(outlooks)
    return _REJECTED if all(outlook.rejection for outlook in outlooks) else 0


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


def _texts(profile: Profile, media: Sequence[ProbedMedia], instruction: str | None) -> list[str]:
    messages = build_messages(
        prompt=profile.prompt, schema_text=profile.schema_text, media_count=len(media), instruction=instruction
    )
    return ["\n".join(part.text for part in message.parts if isinstance(part, TextPart)) for message in messages]


def _outlook(
    name: str,
    card: ModelCard,
    media: Sequence[ProbedMedia],
    *,
    profile: Profile,
    texts: Sequence[str],
    max_output_tokens: int | None,
    region: str,
) -> _Outlook:
    most = card.context.max_output_tokens
    answer = max_output_tokens or min(profile.max_output_tokens or most, most)
    tokens, rejection, delivery = None, None, Delivery.INLINE
    try:
        if not all(fits_inline(card, item) for item in media):
            delivery = Delivery.PRESIGNED
        tokens = input_tokens(card=card, texts=texts, media=media)
        check_media(card, media, delivery)
        check_context(card, input_tokens=tokens.total, max_output_tokens=answer)
    except Rejected as fault:
        rejection = fault
    bound = None
    if tokens is not None:
        bound = upper_bound(card=card, region=region, expected=tokens, max_output_tokens=answer)
    return _Outlook(
        model=name,
        tokens=tokens,
        bound=bound,
        delivery=delivery,
        profile=profile.name,
        max_output_tokens=answer,
        rejection=rejection,
    )


def _show(outlooks: Sequence[_Outlook]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for heading in ("text", "image", "audio", "video", "input tokens", "costs at most"):
        table.add_column(heading, justify="right", no_wrap=True)
    names = ("text", "image", "audio", "video", "total")
    for outlook in outlooks:
        tokens, bound = outlook.tokens, outlook.bound
        counts = ["-"] * len(names) if tokens is None else [f"{getattr(tokens, name):,}" for name in names]
        table.add_row(outlook.model, *counts, "unknown" if bound is None else f"{bound.amount} {bound.currency}")
    Console(highlight=False, markup=False).print(table)
    for outlook in outlooks:
        click.echo(f"{outlook.model}: {_plan(outlook)}")


def _plan(outlook: _Outlook) -> str:
    if outlook.rejection is not None:
        return f"rejected, {outlook.rejection.code}: {outlook.rejection.message}"
    way = "inline" if outlook.delivery == INLINE else "by signed URL"
    return f"profile {outlook.profile}, {way}, answer up to {outlook.max_output_tokens:,} tokens"
