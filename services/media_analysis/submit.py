"""A request on the command line in; the record on the requested topic and, if asked, its completion out.

Exit codes: 0 succeeded (without --wait: published), 1 failed, rejected or dead letter, 2 misused, 3 no completion in time.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from media_analysis import environment
from media_analysis.arrivals import DeadRecord, one_line, read_arrival
from media_analysis.broker import Heard, Receipt, listening, publishing
from media_analysis.clip_option import clip_option
from media_analysis.model_options import model_document, model_options, voice_option
from media_analysis.outcome_lines import completion_lines, dead_letter_lines
from media_analysis.submission import (
    SOURCE,
    Submission,
    merge,
    read_deadline,
    read_labels,
    read_money,
    submission,
)
from media_analysis.submit_media import media_of
from media_contracts import AnalysisRequested, CompletedEvent, ContractError, ProgressEvent, topics
from media_contracts.documents import find_unknown_fields, parse_json, validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SUCCEEDED, ENDED_OTHERWISE, TOO_LATE = 0, 1, 3

# Lines behind \b stay as they are (click.palletsprojects.com, Documenting Scripts).
_HELP: Final = """Publish an analysis request; FILE is its data as JSON (- for stdin), and options are laid over it.

\b
media-analysis submit --upload photo.jpg --wait
media-analysis submit request.json --tenant acme --label order=17 --json
media-analysis submit --bucket media --key a.png --profile visible_text --max-cost 0.10CNY

Where the broker and the store are is read from KAFKA_* and S3_*, as by the worker.

\b
Exit code:
  0  succeeded; without --wait: published
  1  failed, rejected or dead letter
  2  misused
  3  no completion within --timeout"""

Ending: TypeAlias = "tuple[Heard, CompletedEvent | DeadRecord]"


class _Parsed(click.ParamType[Any]):
    """A value that is read by a function raising ValueError."""

    def __init__(self, name: str, read: Any) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_MONEY = _Parsed("amount", read_money)
_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command(name="submit", help=_HELP)
@click.argument("document", metavar="[FILE]", required=False, type=click.File("rb"))
@click.option("--upload", "uploads", multiple=True, type=_FILE, help="Put this file into the bucket and analyse it.")
@click.option("--bucket", help="Bucket of --key, or to upload to (default: the tenant's first place in S3_ALLOWED).")
@click.option("--key", "keys", multiple=True, help="Analyse this object; with one --upload: upload it under this key.")
@click.option(
    "--kind", type=click.Choice(["image", "audio", "video"]), help="Kind of media, where the name does not tell."
)
@clip_option
@click.option("--profile", help="Structured prompt with its schema.")
@click.option("--instruction", help="Free text added to the profile's prompt.")
@click.option("--schema", type=click.File("rb"), help="JSON Schema of the answer, in place of the profile's.")
@click.option("--language", help="BCP 47 tag for the answer, such as en or zh-Hans.")
@click.option("--model", help="Name of the model.")
@model_options
@voice_option
@click.option(
    "--on-segment-failure",
    type=click.Choice(["fail", "partial"]),
    help="Whether a long medium is answered without a segment that failed.  [default: fail]",
)
@click.option("--progress", is_flag=True, help="Publish what is known of the answer while it grows; --wait prints it.")
@click.option("--tenant", help="Who pays.  [default: default]")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Returned unchanged; may be repeated.")
@click.option("--max-cost", type=_MONEY, metavar="AMOUNT", help="What it may cost, such as 0.10CNY.")
@click.option(
    "--deadline", metavar="WHEN", help="Until when it is of use: 90s, 10m, 2h from now, or an RFC 3339 instant."
)
@click.option("--request-id", help="Idempotency key.  [default: a new one]")
@click.option("--rerun", type=click.IntRange(0), help="Ask a failed request again under the next number.")
@click.option("--source", default=SOURCE, show_default=True, help="CloudEvents source; part of the identity.")
@click.option("--topic", default=topics.REQUESTED, show_default=True, help="Requested topic.")
@click.option("--wait", is_flag=True, help="Wait for the completion and print it.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --wait waits.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: with --wait the completion's data as it was published."
)
def command(**options: Any) -> int:
    """Publish a request and, if asked, wait for its completion."""
    return asyncio.run(_submit(options))


async def _submit(options: dict[str, Any]) -> int:
    kafka = environment.kafka_settings()
    now = datetime.now(UTC)
    request = await _request(options, now=now)
    sent = submission(
        request,
        now=now,
        event_id=str(uuid.uuid4()),
        trace_id=secrets.token_hex(16),
        span_id=secrets.token_hex(8),
        source=options["source"],
        topic=options["topic"],
    )
    async with publishing(kafka) as send:
        if not options["wait"]:
            click.echo(_receipt(sent, await send(sent.record), as_json=options["as_json"]))
            return SUCCEEDED
        awaited = (topics.COMPLETED, topics.DEAD_LETTER, *((topics.PROGRESS,) if request.progress else ()))
        async with listening(kafka, awaited, from_beginning=False) as heard:
            receipt = await send(sent.record)
            if not options["as_json"]:
                click.echo(_receipt(sent, receipt, as_json=False), err=True)
            return await _await_ending(sent, heard, options)


async def _await_ending(sent: Submission, heard: AsyncIterator[Heard], options: dict[str, Any]) -> int:
    try:
        async with asyncio.timeout(options["timeout"]):
            record, ending = await ending_of(sent, heard)
    except TimeoutError:
        click.echo(
            f"no completion of {sent.request.request_id!r} within {options['timeout']:g} s: is a worker running on"
            " this broker? the same command with the same --request-id finds the answer later",
            err=True,
        )
        return TOO_LATE
    match ending:
        case CompletedEvent():
            # The bytes as they were published: a result's 1.10 stays 1.10.
            told = (
                (record.record.value or b"").decode()
                if options["as_json"]
                else "\n".join(completion_lines(ending.data))
            )
            click.echo(told)
            return SUCCEEDED if ending.data.outcome == "succeeded" else ENDED_OTHERWISE
        case DeadRecord():
            facts = {"reason": ending.reason, "message": ending.message, "origin": ending.origin}
            click.echo(one_line({"dead_letter": facts}) if options["as_json"] else "\n".join(dead_letter_lines(ending)))
            return ENDED_OTHERWISE


async def ending_of(sent: Submission, heard: AsyncIterator[Heard]) -> Ending:
    """Return the end of a request out of all that is heard, and tell on stderr what is known of its answer before."""
    async for record in heard:
        match read_arrival(record.record):
            case CompletedEvent(event_id=event_id) as completed if event_id == sent.completion_id:
                return record, completed
            case DeadRecord(event_id=event_id) as dead if event_id == sent.event_id:
                return record, dead
            case ProgressEvent(data=told) if told.request_id == sent.request.request_id:
                click.echo(f"{told.stage}: {', '.join(told.fields) or 'nothing known yet'}", err=True)
            case _:
                continue
    raise TimeoutError  # aiokafka ends its stream only when it is closed


async def _request(options: dict[str, Any], *, now: datetime) -> AnalysisRequested:
    document = _document(options["document"]) if options["document"] else {}
    tenant = options["tenant"] or document.get("tenant") or "default"
    given = _given(options, now=now)
    media = await media_of(options, tenant=str(tenant))
    if media:
        given["media"] = [*document.get("media", ()), *media]
    merged = merge({"request_id": f"req-{uuid.uuid4().hex[:12]}", **document}, given)
    unknown = find_unknown_fields(AnalysisRequested, merged)
    if unknown:
        raise click.UsageError(f"the request has fields that this version does not know: {', '.join(unknown)}")
    try:
        return validate(AnalysisRequested, merged, "invalid_request")
    except ContractError as error:
        raise click.UsageError(str(error)) from None


def _given(options: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    try:
        deadline = read_deadline(options["deadline"], now=now).isoformat() if options["deadline"] else None
        labels = read_labels(options["labels"])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return {
        "request_id": options["request_id"],
        "tenant": options["tenant"],
        "rerun": options["rerun"],
        "profile": options["profile"],
        "instruction": options["instruction"],
        "output_schema": _document(options["schema"]) if options["schema"] else None,
        "language": options["language"],
        "model": model_document(
            name=options["model"],
            **{name: options[name] for name in ("detail", "effort", "thinking", "search")},
        ),
        "speech": {"voice": options["voice"]},
        "on_segment_failure": options["on_segment_failure"],
        "progress": options["progress"] or None,
        "limits": {"max_cost": options["max_cost"], "deadline": deadline},
        "labels": labels,
    }


def _document(stream: Any) -> dict[str, Any]:
    name = getattr(stream, "name", "stdin")
    try:
        document = parse_json(stream.read())
    except ContractError as error:
        raise click.UsageError(f"{name}: {error}") from None
    if not isinstance(document, dict):
        raise click.UsageError(f"{name}: a JSON object is needed, not {json.dumps(document)[:60]}")
    return document


def _receipt(sent: Submission, receipt: Receipt, *, as_json: bool) -> str:
    if not as_json:
        where = f"{receipt.topic}[{receipt.partition}]@{receipt.offset}"
        return f"published {sent.request.request_id} to {where} (trace {sent.trace_id})"
    return one_line(
        {
            "request_id": sent.request.request_id,
            "tenant": sent.request.tenant,
            "event_id": sent.event_id,
            "completion_id": sent.completion_id,
            "trace_id": sent.trace_id,
            "topic": receipt.topic,
            "partition": receipt.partition,
            "offset": receipt.offset,
        }
    )
