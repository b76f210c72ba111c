"""The completed topic and a span of time in; requests, tokens, cost and waste per tenant, model, profile or label out."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import click

from media_analysis import environment
from media_analysis.moment import MomentType
from media_analysis.redrive_topic import held_by
from media_analysis.tally_show import as_csv, as_json, as_table
from media_analysis.tally_sum import AXES, LABEL, tally
from media_contracts import AnalysisCompleted, ContractError, decode_completed, topics
from media_contracts.instants import format_instant

if TYPE_CHECKING:
    from datetime import datetime

    from media_analysis.tally_sum import Tally

_PIPE_COLUMNS: Final = 240
_HELP: Final = f"""Sum up what was asked, used and paid, from the completions that the topic still holds.

\b
media-analysis tally                                  # all of it, per model
media-analysis tally --since 24h --by tenant
media-analysis tally --by tenant --by label:shop --csv

Each request counts once, however often its completion was published. --by is one of {", ".join(AXES)} or {LABEL}NAME.
Times are those at which requests were completed. It joins no group and changes nothing.
"""


class _AxisType(click.ParamType[str]):
    name = "axis"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in AXES or (value.startswith(LABEL) and len(value) > len(LABEL)):
            return str(value)
        raise click.BadParameter(f"{value!r} is none of {', '.join(AXES)}, {LABEL}NAME", ctx=ctx, param=param)


@click.command(name="tally", help=_HELP)
@click.option("--since", type=MomentType(), help="Completed since: 24h ago, or an RFC 3339 instant.")
@click.option("--until", type=MomentType(), help="Completed before: as --since.")
@click.option("--by", "axes", type=_AxisType(), multiple=True, help="What a row is for; may be repeated.  [model]")
@click.option("--json", "json_form", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "csv_form", is_flag=True, help="Print CSV with a head, without a total.")
def command(
    *, since: datetime | None, until: datetime | None, axes: tuple[str, ...], json_form: bool, csv_form: bool
) -> int:
    """Read, sum up, print."""
    if json_form and csv_form:
        raise click.UsageError("--json and --csv are two forms of one answer: give one")
    completions, unreadable = asyncio.run(_read())
    found = tally(completions, axes=axes or ("model",), since=since, until=until)
    if unreadable:
        click.echo(f"{unreadable:,} records of {topics.COMPLETED} are no completions and were left out", err=True)
    if json_form:
        from media_analysis.arrivals import one_line  # noqa: PLC0415 — people do not wait for it

        span = {name: format_instant(at) if at else None for name, at in (("since", since), ("until", until))}
        click.echo(one_line(span | as_json(found) | {"unreadable": unreadable}))
    elif csv_form:
        click.echo(as_csv(found), nl=False)
    else:
        _print(found)
    return 0


async def _read() -> tuple[list[AnalysisCompleted], int]:
    completions, unreadable = [], 0
    async with aclosing(held_by(topics.COMPLETED, environment.kafka_settings())) as records:
        async for heard in records:
            try:
                completions.append(_slim(decode_completed(heard.record).data))
            except ContractError:
                unreadable += 1
    return completions, unreadable


def _slim(done: AnalysisCompleted) -> AnalysisCompleted:
    """Without what is not summed up and can be large: a week of results does not fit in memory."""
    return done.model_copy(update={"result": None, "segments": (), "media": (), "warnings": (), "artifacts": ()})


def _print(found: Tally) -> None:
    from rich.console import Console  # noqa: PLC0415 — as above

    if not found.rows:
        click.echo("no completions in that span")
        return
    # A pipe has no width; rich would take it for 80 columns.
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(highlight=False, markup=False, width=width).print(as_table(found))
    requests = found.total.counts["requests"]
    click.echo(f"{requests:,} requests; {found.repeats:,} repeated completions were not counted again")
    if unpriced := found.total.counts["unpriced_calls"]:
        click.echo(f"{unpriced:,} calls have no price: their cost is not in these amounts", err=True)
