"""A long request's plan and ended segments in, what of them an earlier start has left out: `plan.json` and what follows.

They lie beside the claims of the request. The plan is created conditionally before the first segment is asked and
replaced only as the one that was read, so that two workers never ask by two plans.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.errors import StoreUnavailable
from analysis_worker.long_media.resume import GoOn, StartOver, finished, resume
from analysis_worker.long_media.segment_format import (
    PlanDocument,
    ReductionDocument,
    SegmentDocument,
    decode_plan,
    decode_reduction,
    decode_segment,
    encode_plan,
    encode_reduction,
    encode_segment,
    plan_sha256,
)
from analysis_worker.object_store import Occupied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_worker.object_store import ObjectStore
    from media_contracts import WarningInfo

_JSON: Final = "application/json"
_READS_AT_ONCE: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The plan to keep to, which lies in the ledger now, and the segments that are finished."""

    plan: PlanDocument
    finished: Mapping[int, SegmentDocument]
    is_first: bool = False
    """Whether no plan lay there: nothing can be left of an earlier start."""
    most_left: int = 0
    """Of how many segments an earlier start may have left scratch objects; its plan may have had more than this one."""
    warning: WarningInfo | None = None


class SegmentLedger:
    """The documents below one request's `prefix` (`Job.ledger_prefix`); for whoever holds its claim."""

    def __init__(self, *, store: ObjectStore, bucket: str, prefix: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix

    async def settle(self, planned: PlanDocument) -> Settled:
        """Write the plan, or keep to the one that lies there.

        :raises LedgerUnreadable: when what lies there cannot be read.
        :raises StoreUnavailable: also when somebody else changes it meanwhile.
        """
        recorded = await self.plan()
        if recorded is None:
            await self._put_plan(planned, etag=None)
            return Settled(plan=planned, finished={}, is_first=True)
        document, etag = recorded
        match resume(planned, document):
            case GoOn(plan=plan):
                done = finished(plan, await self._segments(plan))
                return Settled(plan=plan, finished=done, most_left=len(plan.segments))
            case StartOver(plan=plan, warning=warning):
                await self._put_plan(plan, etag=etag)
                return Settled(plan=plan, finished={}, most_left=len(document.segments), warning=warning)
            case decision:
                assert_never(decision)

    async def plan(self) -> tuple[PlanDocument, str] | None:
        """The recorded plan with its ETag. :raises LedgerUnreadable: when it cannot be read."""
        key = f"{self._prefix}plan.json"
        blob = await self._store.get(self._bucket, key)
        return (decode_plan(blob.body, where=f"{self._bucket}/{key}"), blob.etag) if blob else None

    async def record(self, segment: SegmentDocument) -> None:
        """Write down how a segment ended, over what an earlier plan or try has left."""
        await self._store.put(self._bucket, self._key(segment.index), encode_segment(segment), content_type=_JSON)

    async def reduction(self, plan: PlanDocument, answered: Sequence[int]) -> ReductionDocument | None:
        """The one answer that was made of these very segments. :raises LedgerUnreadable: when it cannot be read."""
        key = f"{self._prefix}reduction.json"
        blob = await self._store.get(self._bucket, key)
        if blob is None:
            return None
        found = decode_reduction(blob.body, where=f"{self._bucket}/{key}")
        return found if (found.plan_sha256, found.answered) == (plan_sha256(plan), tuple(answered)) else None

    async def record_reduction(self, reduction: ReductionDocument) -> None:
        """Write down the one answer, before anything else is done with it."""
        key = f"{self._prefix}reduction.json"
        await self._store.put(self._bucket, key, encode_reduction(reduction), content_type=_JSON)

    async def _put_plan(self, plan: PlanDocument, *, etag: str | None) -> None:
        try:
            await self._store.put(
                self._bucket,
                f"{self._prefix}plan.json",
                encode_plan(plan),
                content_type=_JSON,
                if_none_match=etag is None,
                if_match=etag,
            )
        except Occupied as lost:
            raise StoreUnavailable(f"{self._prefix}plan.json was written by somebody else just now: read it") from lost

    async def _segments(self, plan: PlanDocument) -> list[SegmentDocument]:
        turns = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(index: int) -> SegmentDocument | None:
            key = self._key(index)
            async with turns:
                blob = await self._store.get(self._bucket, key)
            return decode_segment(blob.body, where=f"{self._bucket}/{key}") if blob else None

        found = await asyncio.gather(*(read(segment.index) for segment in plan.segments))
        return [segment for segment in found if segment is not None]

    def _key(self, index: int) -> str:
        return f"{self._prefix}segment-{index}.json"
