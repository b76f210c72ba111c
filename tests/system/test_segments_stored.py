"""What a long request keeps in the store: its plan, its segments, and scratch objects that do not stay."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from analysis_worker.cutting.cutter import CutFile
from analysis_worker.cutting.scratch_objects import PREFIX, ScratchObjects, sweep
from analysis_worker.errors import LedgerUnreadable, StoreUnavailable
from analysis_worker.long_media.resume import DISCARDED
from analysis_worker.long_media.segment_format import plan_sha256
from analysis_worker.long_media.segment_ledger import SegmentLedger
from tests.system.test_ledger import store_at
from tests.worker.test_segment_format import PLAN, SEGMENT

BUCKET = "results"


def ledger_of(store, unique):
    return SegmentLedger(store=store, bucket=BUCKET, prefix=f"ledger/default/{unique}/")


async def test_a_plan_is_written_once_and_a_later_start_goes_on_with_its_finished_segments(stack, unique):
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:
        first = await ledger_of(store, unique).settle(PLAN)
        assert (first.plan, dict(first.finished), first.warning) == (PLAN, {}, None)
        await ledger_of(store, unique).record(SEGMENT)
        await ledger_of(store, unique).record(replace(SEGMENT, index=0, outcome="stream_cut", findings=None))
        again = await ledger_of(store, unique).settle(replace(PLAN, segments=PLAN.segments[:1]))
        assert (again.plan, dict(again.finished), again.warning) == (PLAN, {1: SEGMENT}, None)


async def test_a_start_with_another_plan_discards_all_segments_and_warns(stack, unique):
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:
        await ledger_of(store, unique).settle(PLAN)
        await ledger_of(store, unique).record(SEGMENT)
        changed = replace(PLAN, detail="fine")
        settled = await ledger_of(store, unique).settle(changed)
        assert (settled.plan, dict(settled.finished), settled.warning.code) == (changed, {}, DISCARDED)
        own = replace(SEGMENT, plan_sha256=plan_sha256(changed))
        await ledger_of(store, unique).record(own)
        assert dict((await ledger_of(store, unique).settle(changed)).finished) == {1: own}
        fewer = replace(PLAN, detail="quick", segments=PLAN.segments[:1])
        # The old plan's last segment may have left an object as well.
        assert (await ledger_of(store, unique).settle(fewer)).most_left == len(PLAN.segments) > 1


async def test_of_workers_with_different_plans_one_is_first_and_the_others_know_it(stack, unique):
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:
        ledger = ledger_of(store, unique)
        settled = await asyncio.gather(
            *(ledger.settle(replace(PLAN, detail=detail)) for detail in ("fine", "quick", "extract")),
            return_exceptions=True,
        )
        kept = [result for result in settled if not isinstance(result, StoreUnavailable)]
        # Who comes when the first has written reads that plan and discards it with a warning; who came beside it may not.
        assert [result.warning and result.warning.code for result in kept].count(None) == 1
        assert {result.warning.code for result in kept if result.warning} <= {DISCARDED}
        recorded, _ = await ledger.plan()
        assert recorded in [result.plan for result in kept]


async def test_a_broken_plan_is_named_and_nothing_is_asked(stack, unique):
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:
        await store.put(BUCKET, f"ledger/default/{unique}/plan.json", b"{", content_type="application/json")
        with pytest.raises(LedgerUnreadable, match=unique):
            await ledger_of(store, unique).settle(PLAN)


def piece(tmp_path):
    path = tmp_path / "piece"
    path.write_bytes(b"x" * 700_000)
    return CutFile(path=path, format="mp4", content_type="video/mp4", size_bytes=700_000, start_seconds=0.0)


async def keys_of(store, unique):
    return await store.keys_below(BUCKET, f"{PREFIX}default/{unique}/", older_than_seconds=-60, most=10)


async def test_a_scratch_object_is_there_for_its_call_and_gone_afterwards_however_that_ends(stack, unique, tmp_path):
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:
        objects = ScratchObjects(store=store, bucket=BUCKET, tenant="default", completion_id=unique)
        with pytest.raises(RuntimeError):  # noqa: PT012 - the block is what fails
            async with objects.holding(0, piece(tmp_path)) as stored:
                seen = await store.stat(stored.bucket, stored.key)
                assert (seen.size_bytes, seen.content_type, seen.etag) == (700_000, "video/mp4", stored.etag)
                raise RuntimeError
        assert await keys_of(store, unique) == ()


async def test_what_a_crash_left_is_removed_by_the_next_start_and_else_by_the_sweep(stack, unique, tmp_path):
    async with store_at(stack, stack.environment["S3_ENDPOINT"]) as store:
        key = f"{PREFIX}default/{unique}/segment-1.mp4"
        objects = ScratchObjects(store=store, bucket=BUCKET, tenant="default", completion_id=unique)
        await store.put(BUCKET, key, b"left", content_type="video/mp4")
        await objects.remove_left(2)
        assert await keys_of(store, unique) == ()
        await store.put(BUCKET, key, b"left", content_type="video/mp4")
        await sweep(store, BUCKET, older_than_seconds=3600)
        assert await keys_of(store, unique) == (key,)
        assert await sweep(store, BUCKET, older_than_seconds=-60) >= 1
        assert await keys_of(store, unique) == ()
