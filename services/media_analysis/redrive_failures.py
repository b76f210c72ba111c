"""Pure: recorded answers in; the failed requests that are asked again, and the number of their next rerun, out.

A request and its reruns are one row of tries; only the last of them says how the request stands. So a failure is chosen
when it is the last try and fits the choice: one that was cured by a rerun is left alone, and one whose rerun failed as
well goes on from there. The same choice made twice before the rerun has ended gives the same number: the ledger then
sees one request, not two.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis_worker.retry_copy import original
from analysis_worker.values import Delivered
from media_analysis.redrive_rerun import with_rerun
from media_contracts import decode_completed, decode_requested, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from analysis_worker.ledger_format import AnswerDocument
    from media_contracts import KafkaRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How one try of a request ended; `request` is its record, kept only for what may be asked again."""

    tenant: str
    source: str
    request_id: str
    rerun: int
    outcome: str
    code: str
    profile: str
    recorded_at: datetime
    expires_at: datetime | None
    """The deadline that the request itself gives; asked after it, it would be rejected."""
    topic: str
    request: KafkaRecord | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which ends of requests are to be asked again; an empty tuple or None chooses all."""

    outcomes: tuple[str, ...]
    codes: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, ended: Ended) -> bool:
        """Whether this end is meant."""
        return (
            ended.outcome in self.outcomes
            and (not self.codes or ended.code in self.codes)
            and (not self.profiles or ended.profile in self.profiles)
            and (not self.topics or ended.topic in self.topics)
            and (self.since is None or ended.recorded_at >= self.since)
            and (self.until is None or ended.recorded_at < self.until)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What is asked again, what is too late to ask, and how many fitting failures were asked again since."""

    again: tuple[Ended, ...]
    expired: tuple[Ended, ...]
    passed_over: int


def read_ended(answer: AnswerDocument) -> Ended:
    """What a recorded answer says of its request. Raises ContractError and ValueError when it cannot be read."""
    delivered = Delivered(record=answer.request, partition=0, offset=0, timestamp_ms=0)
    request = original(delivered).record
    asked = decode_requested(request)
    done = decode_completed(answer.completion).data
    deadlines = [each for each in (asked.expires_at, asked.data.limits and asked.data.limits.deadline) if each]
    return Ended(
        tenant=asked.data.tenant,
        source=asked.source,
        request_id=asked.data.request_id,
        rerun=asked.data.rerun,
        outcome=done.outcome,
        code=done.error.code if done.error else "",
        profile=(done.profile.name if done.profile else asked.data.profile) or "",
        recorded_at=parse_instant(answer.recorded_at),
        expires_at=min(deadlines, default=None),
        topic=request.topic,
        request=None if done.outcome == "succeeded" else request,
    )


def choose(ends: Iterable[Ended], choice: Choice, *, now: datetime) -> Chosen:
    """Choose among all tries of all requests, oldest first."""
    tries: defaultdict[tuple[str, str, str], list[Ended]] = defaultdict(list)
    for ended in ends:
        tries[ended.tenant, ended.source, ended.request_id].append(ended)
    again, expired, passed_over = [], [], 0
    for row in tries.values():
        last = max(row, key=lambda each: each.rerun)
        if not choice.fits(last):
            passed_over += any(choice.fits(each) for each in row)
        elif last.expires_at is not None and last.expires_at <= now:
            expired.append(last)
        else:
            again.append(last)
    return Chosen(
        again=tuple(sorted(again, key=lambda each: each.recorded_at)),
        expired=tuple(sorted(expired, key=lambda each: each.recorded_at)),
        passed_over=passed_over,
    )


def ask_again(ended: Ended) -> KafkaRecord:
    """The record that asks the next rerun."""
    if ended.request is None:
        raise ValueError(f"{ended.request_id!r} succeeded: nothing to ask again")
    return with_rerun(ended.request, ended.rerun + 1)
