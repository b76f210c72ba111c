"""Job in, claims and recorded completions out: objects with conditional writes in the results bucket (laws 2 and 6).

`ledger/{tenant}/{ce_id}/claim-{n}.json` is the n-th start of a request, `answer.json` its end. Whoever creates an
object owns it. A claim that nobody took needs no look at anything else: the undisturbed path is two writes in all.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from analysis_worker.abridgement import add, corrected
from analysis_worker.errors import StoreUnavailable
from analysis_worker.ledger_format import (
    AnswerDocument,
    ClaimDocument,
    OpenAttempt,
    decode_answer,
    decode_claim,
    encode_answer,
    encode_claim,
)
from analysis_worker.object_store import ObjectStore, Occupied
from analysis_worker.patience import finished_even_if_cancelled, undone_if_cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from datetime import datetime

    from analysis_worker.values import Job
    from media_contracts import Attempt, KafkaRecord

REFRESHES_PER_STALE_TIME: Final = 3
_JSON: Final = "application/json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenClaim:
    """Somebody's claim and its age in seconds by the store's clock."""

    document: ClaimDocument
    age_seconds: float


class ClaimKeeper(Protocol):
    """Who keeps claims: the ledger, or nobody (`media-analysis analyze`)."""

    stale_seconds: float

    async def rewrite(self, key: str, document: ClaimDocument) -> None:
        """Overwrite a claim of ours."""

    def let_go(self, key: str) -> None:
        """A claim of ours is no longer worked on."""


class Claim:
    """Our right to ask for one request; it remembers every call that is made under it."""

    def __init__(self, *, ledger: ClaimKeeper, key: str, document: ClaimDocument, earlier: tuple[Attempt, ...]) -> None:
        self._ledger = ledger
        self._key = key
        self._document = document
        self._earlier = earlier
        self._pristine = True
        self._writing = asyncio.Lock()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All closed calls of this request so far, in the order of their numbers: earlier starts' first."""
        return tuple(sorted((*self._earlier, *self._document.closed), key=lambda attempt: attempt.number))

    @property
    def next_number(self) -> int:
        """The number of the next call."""
        held = () if self._pristine else self._document.open
        numbers = [attempt.number for attempt in self.attempts] + [attempt.number for attempt in held]
        return max(numbers, default=0) + 1

    async def open(self, attempt: OpenAttempt) -> None:
        """Write down a call before it is made, beside those that are under way; the claim itself did that for the first."""
        first = self._pristine
        self._pristine = False
        held = () if first else self._document.open
        self._document = replace(self._document, open=(*held, attempt))
        if not first:
            await self.refresh()

    def close(self, attempt: Attempt) -> None:
        """Note how the open call of that number ended; written with the next call, the release or the answer."""
        self.discard(attempt.number)
        self._document = replace(self._document, closed=add(self._document.closed, attempt))

    def discard(self, number: int) -> None:
        """Nothing was asked after all; nothing happens when the call of that number is closed."""
        left = () if self._pristine else tuple(held for held in self._document.open if held.number != number)
        self._pristine = False
        self._document = replace(self._document, open=left)

    def correct(self, known: Iterable[Attempt]) -> None:
        """Put what segments know of their calls in the place of estimates: a start that died had not closed them."""
        self._earlier = corrected(self._earlier, known)

    async def release(self) -> None:
        """Give up the claim with its attempts closed, so that the next worker need not wait (law 5)."""
        self._document = replace(self._document, open=(), released=True)
        await self.refresh()

    async def refresh(self) -> None:
        """Write the claim anew, which also makes it young. Only its owner writes it, so no condition is needed.

        Writes go one after the other, each with what is known when its turn comes, and one that is under way when its
        task is cancelled still ends: an older document never overwrites a newer one.
        """
        await finished_even_if_cancelled(self._write())

    async def _write(self) -> None:
        async with self._writing:
            await self._ledger.rewrite(self._key, self._document)

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Refresh the claim while the block runs; a block that fails leaves what it paid in the claim."""
        beat = asyncio.create_task(self._beat())
        try:
            yield
        except Exception:
            if not self._document.released:
                with suppress(StoreUnavailable):
                    await self.refresh()
            raise
        finally:
            beat.cancel()
            try:
                await asyncio.wait({beat})
            finally:
                self._ledger.let_go(self._key)

    async def _beat(self) -> None:
        usual_seconds = pause_seconds = self._ledger.stale_seconds / REFRESHES_PER_STALE_TIME
        while True:
            await asyncio.sleep(pause_seconds)
            try:
                async with asyncio.timeout(usual_seconds / 2):  # a reply that never comes must not be the last beat
                    await self.refresh()
                pause_seconds = usual_seconds
            except Exception as error:  # noqa: BLE001 - nor may anything else
                pause_seconds = usual_seconds / 4
                # An outage of the store may let the claim grow stale; the answer is still written once, conditionally.
                fault = str(error) or type(error).__name__
                log.warning("claim not refreshed", extra={"event": "claim_not_refreshed", "error": fault})


class Ledger:
    """The ledger of one results bucket, as `owner`; `now` is this machine's clock, used for display only."""

    def __init__(
        self, *, store: ObjectStore, bucket: str, owner: str, stale_seconds: float, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._owner = owner
        self._now = now
        self._held: dict[str, Claim | None] = {}
        self._unheard: set[str] = set()
        self._last_start: str | None = None
        self.stale_seconds = stale_seconds

    async def take(
        self, job: Job, *, start: int, first: OpenAttempt, earlier: tuple[Attempt, ...], is_last: bool = False
    ) -> Claim | None:
        """Create the claim of the `start`-th start; None when somebody else has it, or another task of ours.

        The last start of a request (`is_last`) runs beside no other's last start: what crashed together would be
        taken up together each time, and who is to blame would take the others along to `worker_crashed`.
        """
        document = ClaimDocument(
            fingerprint=job.fingerprint,
            owner=self._owner,
            start=start,
            started_at=self._now().isoformat(),
            open=(first,),
        )
        if self.works_on(job) or (is_last and self._last_start is not None):
            return None
        if is_last:
            self._last_start = job.ledger_prefix
        # Held before it is written: while the reply is under way the claim must look like ours to our other tasks.
        self._held[job.ledger_prefix] = None
        claim = None
        try:
            claim = await undone_if_cancelled(
                self._create(_claim_key(job, start), document, earlier), undo=_release_if_any
            )
        finally:
            if claim is None:
                self._drop(job.ledger_prefix)
            else:
                self._held[job.ledger_prefix] = claim
        return claim

    async def _create(self, key: str, document: ClaimDocument, earlier: tuple[Attempt, ...]) -> Claim | None:
        try:
            await self._store.put(self._bucket, key, encode_claim(document), content_type=_JSON, if_none_match=True)
        except Occupied:
            return None  # perhaps by our own earlier try whose reply was lost: `withdraw` sees to that
        except BaseException:
            self._unheard.add(key)
            raise
        return Claim(ledger=self, key=key, document=document, earlier=earlier)

    def works_on(self, job: Job) -> bool:
        """Whether a task of ours has the request, however old its claim looks."""
        return job.ledger_prefix in self._held

    async def withdraw(self, job: Job, claims: Sequence[SeenClaim]) -> bool:
        """Release the newest claim if it is ours and we never heard that the store wrote it; whether it was so.

        Nothing was asked under it. Its owner alone knows that; all others must wait until it is stale.
        """
        key, document = _claim_key(job, len(claims)), claims[-1].document
        if key not in self._unheard or self.works_on(job):
            return False
        if is_ours := document.owner == self._owner:
            await self.rewrite(key, replace(document, open=(), released=True))
        self._unheard.discard(key)
        return is_ours

    def let_go(self, key: str) -> None:
        """A claim of ours is no longer worked on."""
        self._drop(key.rpartition("/")[0] + "/")

    def _drop(self, prefix: str) -> None:
        self._held.pop(prefix, None)
        if self._last_start == prefix:
            self._last_start = None

    async def rewrite(self, key: str, document: ClaimDocument) -> None:
        """Overwrite a claim of ours."""
        await self._store.put(self._bucket, key, encode_claim(document), content_type=_JSON)

    async def claims(self, job: Job) -> tuple[SeenClaim, ...]:
        """Every start of the request so far, oldest first. :raises LedgerUnreadable: when one cannot be read."""
        seen: list[SeenClaim] = []
        while (blob := await self._store.get(self._bucket, key := _claim_key(job, len(seen) + 1))) is not None:
            document = decode_claim(blob.body, where=f"{self._bucket}/{key}")
            seen.append(SeenClaim(document=document, age_seconds=blob.age_seconds))
        return tuple(seen)

    async def answer(self, job: Job) -> AnswerDocument | None:
        """The recorded end of the request, if it has one. :raises LedgerUnreadable: when it cannot be read."""
        key = _answer_key(job)
        blob = await self._store.get(self._bucket, key)
        return decode_answer(blob.body, where=f"{self._bucket}/{key}") if blob else None

    async def record(self, job: Job, *, completion: KafkaRecord, outcome: str) -> KafkaRecord:
        """Record the end of a request once and for all; returns what is recorded: ours, or what was there first."""
        document = AnswerDocument(
            fingerprint=job.fingerprint,
            outcome=outcome,
            recorded_at=self._now().isoformat(),
            completion=completion,
            request=job.delivered.record,
        )
        try:
            await self._store.put(
                self._bucket, _answer_key(job), encode_answer(document), content_type=_JSON, if_none_match=True
            )
        except Occupied:
            recorded = await self.answer(job)
            if recorded is None:
                raise StoreUnavailable("the answer exists and cannot be read: try again") from None
            if recorded.completion != completion:
                await self._leave_a_tally(job)
            return recorded.completion
        return completion

    async def _leave_a_tally(self, job: Job) -> None:
        """Somebody was first: what our calls cost stands nowhere but in our claim (law 6)."""
        claim = self._held.get(job.ledger_prefix)
        if claim is not None:
            await claim.refresh()


async def _release_if_any(claim: Claim | None) -> None:
    if claim is not None:
        await claim.release()


def _claim_key(job: Job, start: int) -> str:
    return f"{job.ledger_prefix}claim-{start}.json"


def _answer_key(job: Job) -> str:
    return f"{job.ledger_prefix}answer.json"
