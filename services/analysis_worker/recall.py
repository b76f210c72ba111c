"""Job in; a recorded completion, a claim of ours, or a wait out (laws 1 and 2).

The undisturbed path is one conditional write. Only when that is refused does it look at what others wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.errors import DeadLettered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.accounts import Accounts
    from analysis_worker.ledger import Claim, Ledger, SeenClaim
    from analysis_worker.ledger_format import OpenAttempt
    from analysis_worker.values import Job
    from media_contracts import Attempt, KafkaRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """The request is ours to ask."""

    claim: Claim


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """It was answered before; publish that again."""

    completion: KafkaRecord


LOOK_AGAIN_SECONDS: Final = 0.05
"""The least pause between two looks: what others wrote may stay as it is, and a loop would flood the store."""
LOOK_OFTEN_SECONDS: Final = 1.0
"""The longest one: nobody announces that a claim has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """Somebody is asking right now; look again after so many seconds."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Crashed:
    """It was started too often without an end; complete it as *failed*, `worker_crashed`."""

    attempts: tuple[Attempt, ...]


Recalled = Claimed | Answered | Busy | Crashed


async def recall(job: Job, *, ledger: Ledger, first: OpenAttempt, accounts: Accounts, max_starts: int) -> Recalled:
    """Claim the request, or find out why not.

    :raises DeadLettered: `request_conflict` when the identity was used for another request.
    :raises StoreUnavailable: when the ledger cannot be reached.
    :raises LedgerUnreadable: when it holds what this release cannot read.
    """
    claim = await ledger.take(job, start=1, first=first, earlier=())
    if claim is not None:
        return Claimed(claim=claim)
    return await _look(job, ledger=ledger, first=first, accounts=accounts, max_starts=max_starts)


async def look_again(job: Job, *, ledger: Ledger, first: OpenAttempt, accounts: Accounts, max_starts: int) -> Recalled:
    """Like `recall`, for who was told `Busy`: it reads, and writes only what nobody's claim forbids.

    While another task of ours has the request, the store is not asked at all. Raises what `recall` raises.
    """
    if ledger.works_on(job):
        return Busy(seconds=LOOK_OFTEN_SECONDS)
    return await _look(job, ledger=ledger, first=first, accounts=accounts, max_starts=max_starts)


async def _look(job: Job, *, ledger: Ledger, first: OpenAttempt, accounts: Accounts, max_starts: int) -> Recalled:
    """What others wrote about the request, and what that allows."""
    answer = await ledger.answer(job)
    if answer is not None:
        _require_same(job, answer.fingerprint)
        return Answered(completion=answer.completion)
    claims = await ledger.claims(job)
    if not claims:  # what refused our write was removed since
        return await _start(job, 1, ledger=ledger, first=first, earlier=(), is_last=False)
    _require_same(job, claims[0].document.fingerprint)
    if ledger.works_on(job):  # another task of ours: however old its claim may look, its end is waited for
        return Busy(seconds=LOOK_OFTEN_SECONDS)
    return await _follow(job, claims, ledger=ledger, first=first, accounts=accounts, max_starts=max_starts)


async def _follow(
    job: Job,
    claims: Sequence[SeenClaim],
    *,
    ledger: Ledger,
    first: OpenAttempt,
    accounts: Accounts,
    max_starts: int,
) -> Recalled:
    """What may come after the claims of a request that has no answer."""
    if await ledger.withdraw(job, claims):
        return Busy(seconds=LOOK_AGAIN_SECONDS)
    match decide(claims, stale_seconds=ledger.stale_seconds, max_starts=max_starts):
        case float(seconds):
            return Busy(seconds=seconds)
        case None:
            return Crashed(attempts=accounts.settle(claims))
        case int(start):
            is_last = crashes(claims) + 1 >= max_starts
            return await _start(
                job, start, ledger=ledger, first=first, earlier=accounts.settle(claims), is_last=is_last
            )


async def _start(
    job: Job, start: int, *, ledger: Ledger, first: OpenAttempt, earlier: tuple[Attempt, ...], is_last: bool
) -> Claimed | Busy:
    opening = replace(first, number=max((attempt.number for attempt in earlier), default=0) + 1)
    claim = await ledger.take(job, start=start, first=opening, earlier=earlier, is_last=is_last)
    if claim is not None:
        return Claimed(claim=claim)
    return Busy(seconds=LOOK_OFTEN_SECONDS if is_last else LOOK_AGAIN_SECONDS)


def decide(claims: Sequence[SeenClaim], *, stale_seconds: float, max_starts: int) -> int | float | None:
    """What the claims of a request allow: the start to take (int), seconds to wait (float), or None: no further start.

    A live claim is waited for, a part of its remaining life at a time.
    """
    newest = claims[-1]
    if not newest.document.released and newest.age_seconds < stale_seconds:
        return min(LOOK_OFTEN_SECONDS, max(LOOK_AGAIN_SECONDS, stale_seconds - newest.age_seconds))
    return None if crashes(claims) >= max_starts else len(claims) + 1


def crashes(claims: Sequence[SeenClaim]) -> int:
    """How many starts came to no end; a released claim is an orderly end (a drain), not a crash."""
    return sum(not seen.document.released for seen in claims)


def _require_same(job: Job, fingerprint: str) -> None:
    if fingerprint != job.fingerprint:
        raise DeadLettered(
            f"request_id {job.identity.request_id!r} with rerun {job.identity.rerun} was used for another request:"
            " use a new request_id",
            reason="request_conflict",
        )
