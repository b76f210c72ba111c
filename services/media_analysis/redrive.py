"""A choice of dead letters, or of recorded failures, in; their records on the topics that they came from out."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from media_analysis import environment
from media_analysis.moment import MomentType
from media_analysis.redrive_bucket import Bucket, Unread
from media_analysis.redrive_failures import Choice, ask_again, choose, read_ended
from media_analysis.redrive_letters import Unusable, read_letter, restore
from media_analysis.redrive_run import running
from media_analysis.redrive_show import tell_faults
from media_analysis.redrive_topic import held_by
from media_contracts import format_instant, topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_analysis.redrive_failures import Ended
    from media_analysis.redrive_letters import Letter, Reference
    from media_contracts import KafkaRecord

_LETTER: Final = ("at", "reason", "origin", "message")
_REQUEST: Final = ("at", "code", "tenant", "request_id", "rerun", "profile")
"""What people see of each; machines see all."""
_HELP: Final = """Put chosen dead letters back where they came from, or ask failed requests again. Shows first, acts with --yes.

\b
media-analysis redrive                                            # every dead letter, shown
media-analysis redrive --reason not_json --since 2h --yes         # of the last two hours, put back
media-analysis redrive --failed --code provider_billing --since 2026-11-20T00:00:00Z
media-analysis redrive --failed --tenant acme --profile describe --yes

Dead letters go back to the topic that the record was first sent to, with its own bytes, key and headers; what lies in
the results bucket is read from there and compared with its size and SHA-256. The topic is read from its beginning to
the end that it has at the start, in no group. Nothing is taken out of it: the same choice made a second time puts the
same records back a second time. Valid requests that were answered are then not asked again, the ledger knows them;
a record that is still no request becomes a dead letter once more. Narrow the choice with --since and --until.

With --failed (and --rejected) the ledger is read instead, and each request is sent with its own bytes and the next
number in its field `rerun`, which makes it a new request that is paid anew. Only a request's last try counts: what a
rerun has cured is left alone. The same choice made twice before the answer is there asks once. A request whose own
deadline has passed is left alone.

Broker and store are read from KAFKA_* and S3_*, as by the worker.

\b
Exit code:
  0  done, or shown
  1  something that was chosen could not be read or put back
  2  misused"""


@click.command(name="redrive", help=_HELP)
@click.option("--reason", "reasons", multiple=True, help="Dead letters of this reason; may be repeated.")
@click.option("--failed", is_flag=True, help="Take recorded failures from the ledger.")
@click.option("--rejected", is_flag=True, help="Take recorded rejections from the ledger.")
@click.option("--code", "codes", multiple=True, help="Failures of this error code; may be repeated.")
@click.option("--tenant", "tenants", multiple=True, help="Failures of this tenant; may be repeated.")
@click.option("--profile", "profiles", multiple=True, help="Failures with this profile; may be repeated.")
@click.option("--topic", "from_topics", multiple=True, help="Only what was sent to this topic; may be repeated.")
@click.option("--since", type=MomentType(), help="Buried or recorded since: 2h ago, or an RFC 3339 instant.")
@click.option("--until", type=MomentType(), help="Buried or recorded before: as --since.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--yes", is_flag=True, help="Publish; without it, only show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a record.")
def command(**options: Any) -> int:
    """Choose, show, and with --yes publish."""
    outcomes = tuple(name for name in ("failed", "rejected") if options[name])
    if outcomes and options["reasons"]:
        raise click.UsageError("--reason chooses dead letters, --failed and --rejected recorded requests: give one")
    for name in ("code", "tenant", "profile"):
        if options[f"{name}s"] and not outcomes:
            raise click.UsageError(f"--{name} chooses recorded requests: add --failed or --rejected")
    return asyncio.run(_requests(options, outcomes) if outcomes else _letters(options))


async def _letters(options: dict[str, Any]) -> int:
    kafka = environment.kafka_settings()
    into = frozenset(options["from_topics"]) or frozenset({topics.REQUESTED, *kafka.tenant_topics})
    bucket = _Store()
    foreign: list[str] = []
    async with (
        running(kafka, into=into, publish=options["yes"], limit=options["limit"]) as run,
        aclosing(held_by(topics.DEAD_LETTER, kafka)) as letters,
    ):
        async for heard in letters:
            place = f"{heard.record.topic}[{heard.partition}]@{heard.offset}"
            try:
                letter = read_letter(heard.record)
            except Unusable as error:
                foreign.append(f"{place}: {error}")
                continue
            if not _is_meant(letter, options):
                continue
            if letter.topic not in into:
                if not options["from_topics"]:
                    run.faults.append(f"{place}: {letter.topic!r} is none of our requested topics: name it by --topic")
                continue
            await run.add(_facts_of_letter(letter, place), partial(_restored, letter, bucket, into))
            if run.full:
                break
    if foreign:
        click.echo(f"{len(foreign):,} records of {topics.DEAD_LETTER} are no dead letters of a worker's", err=True)
        tell_faults(foreign)
    counts = Counter(str(row.facts["reason"]) for row in run.rows)
    return run.end(counts, what="dead letter", done="put back", columns=_LETTER, as_json=options["as_json"])


def _is_meant(letter: Letter, options: dict[str, Any]) -> bool:
    since, until, reasons = options["since"], options["until"], options["reasons"]
    return (
        (not reasons or letter.reason in reasons)
        and (since is None or letter.at >= since)
        and (until is None or letter.at < until)
    )


def _facts_of_letter(letter: Letter, place: str) -> dict[str, Any]:
    return {
        "at": format_instant(letter.at),
        "reason": letter.reason,
        "topic": letter.topic,
        "origin": letter.origin,
        "letter": place,
        "message": letter.message,
    }


async def _restored(letter: Letter, store: _Store, into: frozenset[str]) -> KafkaRecord:
    stored = await store.referred(letter.reference) if letter.reference else None
    record = restore(letter, stored)
    if record.topic not in into:
        raise Unusable(f"it was sent to {record.topic!r}, none of our requested topics: name it by --topic")
    return record


class _Store:
    """The results bucket, whose settings are needed only when a dead letter refers to it."""

    def __init__(self) -> None:
        self._bucket: Bucket | None = None

    async def referred(self, reference: Reference) -> bytes:

        if self._bucket is None:
            try:
                self._bucket = Bucket(environment.s3_settings())
            except click.UsageError as error:
                raise Unusable(f"it refers to the results bucket: {error.format_message()}") from None
        return await self._bucket.referred(reference)


async def _requests(options: dict[str, Any], outcomes: tuple[str, ...]) -> int:
    kafka = environment.kafka_settings()
    ends, unread = await _ends(options["tenants"])
    choice = Choice(
        outcomes=outcomes,
        codes=options["codes"],
        profiles=options["profiles"],
        topics=options["from_topics"],
        since=options["since"],
        until=options["until"],
    )
    chosen = choose(ends, choice, now=datetime.now(UTC))
    into = {each.topic for each in chosen.again}
    async with running(kafka, into=into, publish=options["yes"], limit=options["limit"]) as run:
        run.faults += unread
        for ended in chosen.again[: options["limit"]]:
            await run.add(_facts_of_request(ended), partial(_asked_again, ended))
    if chosen.passed_over:
        click.echo(f"{chosen.passed_over:,} were asked again since, and that try does not fit the choice", err=True)
    if chosen.expired:
        click.echo(f"{len(chosen.expired):,} are left alone: the deadline in the request has passed", err=True)
    counts = Counter(str(row.facts["code"]) for row in run.rows)
    return run.end(counts, what="request", done="asked again", columns=_REQUEST, as_json=options["as_json"])


async def _ends(tenants: Sequence[str]) -> tuple[list[Ended], list[str]]:
    """How every recorded try ended, and what could not be read."""
    ends, unread = [], []
    async for answer in Bucket(environment.s3_settings()).answers(tenants):
        if isinstance(answer, Unread):
            unread.append(answer.message)
            continue
        try:
            ends.append(read_ended(answer))
        except ValueError as error:  # a ContractError, too
            unread.append(f"the answer recorded at {answer.recorded_at}: {error}")
    return ends, unread


def _facts_of_request(ended: Ended) -> dict[str, Any]:
    return {
        "at": format_instant(ended.recorded_at),
        "code": ended.code,
        "tenant": ended.tenant,
        "request_id": ended.request_id,
        "rerun": ended.rerun + 1,
        "profile": ended.profile,
        "topic": ended.topic,
    }


async def _asked_again(ended: Ended) -> KafkaRecord:
    return ask_again(ended)
