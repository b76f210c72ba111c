"""The environment in; one line for each thing that a worker stands on, ok or a fault with its remedy, out."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from analysis_worker.errors import Stopped
from analysis_worker.settings import Settings
from media_analysis.arrivals import one_line
from media_analysis.finding import Finding
from media_analysis.ledger_life import ledger_life
from media_analysis.probes import broker_and_topics, clock, key, store
from media_analysis.probes_long import reduction, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAULT: Final = 1


@click.command(name="check")
@click.option(
    "--json", "as_json", is_flag=True, help='Print JSON: {"ok": …, "findings": [{name, ok, seen, remedy}, …]}.'
)
def command(*, as_json: bool) -> int:
    """Look at settings, broker, topics, bucket, conditional writes, public endpoint, life of the ledger, key, clock,
    scratch space and the model that puts the answers about long media together.

    It writes two small objects under probe/ in the results bucket, and calls no model.

    Exit code: 0 all is well, 1 there is a fault.
    """
    findings = asyncio.run(_look())
    ok = all(finding.ok for finding in findings)
    if as_json:
        click.echo(one_line({"ok": ok, "findings": [asdict(finding) for finding in findings]}))
    else:
        for line in _lines(findings):
            click.echo(line)
    return 0 if ok else _FAULT


async def _look() -> tuple[Finding, ...]:
    try:
        settings = Settings.load()
    except Stopped as error:
        faults = error.message.removeprefix("settings: ").split("; ")
        return tuple(
            Finding(name="settings", ok=False, seen=fault, remedy="set it; the README's table lists every variable")
            for fault in faults
        )
    groups = await asyncio.gather(
        broker_and_topics(settings), store(settings), ledger_life(settings), key(settings), clock(settings)
    )
    known = Finding(name="settings", ok=True, seen="every variable is set and valid")
    return (known, *(finding for group in (*groups, scratch(settings), reduction(settings)) for finding in group))


def _lines(findings: tuple[Finding, ...]) -> Iterator[str]:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = click.style("ok   ", fg="green") if finding.ok else click.style("FAULT", fg="red", bold=True)
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        yield f"{mark}  {finding.name:<{width}}  {' '.join(finding.seen.split())}{remedy}"
