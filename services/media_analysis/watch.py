"""A broker in; completions, progress and dead letters, one line each as they come, out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from media_analysis import environment
from media_analysis.arrivals import Arrival, DeadRecord, Foreign, as_json, one_line, read_arrival
from media_analysis.broker import Heard, listening
from media_analysis.outcome_lines import outcome_line
from media_contracts import CompletedEvent, ProgressEvent, topics

if TYPE_CHECKING:
    from rich.text import Text

_TOPICS: Final = (topics.COMPLETED, topics.PROGRESS, topics.DEAD_LETTER)
_NO_TIME: Final = "--:--:--.---"
_STYLES: Final = {"succeeded": "green", "rejected": "yellow", "failed": "red"}


@click.command(name="watch")
@click.option("--json", "json_lines", is_flag=True, help="Print one JSON object a line: the event with its attributes.")
@click.option("--from-beginning", is_flag=True, help="Print what the topics still hold, then what comes.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
def command(*, json_lines: bool, from_beginning: bool, count: int | None) -> int:
    """Print completions, progress and dead letters as they arrive, until Ctrl-C.

    The broker is read from KAFKA_*. It joins no group: watching takes nothing away from anybody.
    """
    asyncio.run(_watch(json_lines=json_lines, from_beginning=from_beginning, count=count))
    return 0


async def _watch(*, json_lines: bool, from_beginning: bool, count: int | None) -> None:
    from rich.console import Console  # noqa: PLC0415 — a machine that reads JSON does not wait for it

    console = Console(soft_wrap=True)
    seen = 0
    async with listening(environment.kafka_settings(), _TOPICS, from_beginning=from_beginning) as heard:
        click.echo("watching; Ctrl-C ends it", err=True)
        async for record in heard:
            arrival = read_arrival(record.record)
            if json_lines:
                click.echo(one_line(as_json(record, arrival)))
            else:
                console.print(line_of(record, arrival), highlight=False)
            seen += 1
            if seen == count:
                return


def line_of(heard: Heard, arrival: Arrival) -> Text:
    """The line that a person reads: when, and what came of it."""
    from rich.text import Text  # noqa: PLC0415 — as above

    at = _time_of_day(heard.timestamp_ms)
    match arrival:
        case CompletedEvent():
            style, line = _STYLES.get(arrival.data.outcome, ""), outcome_line(arrival.data)
        case ProgressEvent():
            fields = ", ".join(arrival.data.fields) or "nothing yet"
            style, line = "dim", f"progress  {arrival.data.request_id}  {arrival.data.stage}  {fields}"
        case DeadRecord():
            style, line = "magenta", f"dead letter  {arrival.reason}  {arrival.message}"
        case Foreign():
            style, line = "red", f"foreign record  {arrival.why}"
    return Text.assemble((f"{at}  ", "dim"), (line, style))


def _time_of_day(timestamp_ms: int) -> str:
    """In UTC; dashes for what is no instant: a producer may send any number, and Kafka has -1 for none."""
    try:
        at = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # beyond the year 9999, or before the year 1
        return _NO_TIME
    return at.strftime("%H:%M:%S.%f")[:-3] if timestamp_ms > 0 else _NO_TIME
