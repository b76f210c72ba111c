"""One task a record; what is cancelled before its task has begun leaves nothing behind."""

import asyncio

import pytest

from analysis_worker.commit_map import CommitMap
from analysis_worker.intake import Intake
from analysis_worker.offsets import Offsets, Partition
from analysis_worker.values import Delivered
from analysis_worker.window import Window
from media_contracts import KafkaRecord
from tests.processes import until

PARTITION = Partition(topic="t", number=0)


class Desk:
    """An intake with all that it tells."""

    def __init__(self, process=None):
        self.done, self.due, self.fatal = [], [], []
        self.offsets = Offsets()
        self.window = Window(capacity=4, on_room=lambda: None)
        self.intake = Intake(
            window=self.window,
            offsets=self.offsets,
            process=process or self._process,
            on_finished=lambda: None,
            on_ended=lambda *_: None,
            on_due=self.due.append,
            on_fatal=self.fatal.append,
        )

    async def _process(self, delivered, _slot):
        self.done.append(delivered.offset)

    def admit(self, offset, *, wait_seconds=0.0):
        record = KafkaRecord(topic="t", key=b"k", value=b"{}", headers=())
        delivered = Delivered(record=record, partition=0, offset=offset, timestamp_ms=1)
        return self.intake.admit(delivered, wait_seconds=wait_seconds)


async def test_a_drain_ends_what_has_not_begun_at_once():
    for wait_seconds in (0.0, 3600.0):
        desk = Desk()
        desk.admit(0, wait_seconds=wait_seconds)
        async with asyncio.timeout(5):
            assert await desk.intake.drain(seconds=3600) == 0
        assert (desk.done, desk.window.admitted) == ([], 0)


async def test_a_head_that_was_forgotten_before_it_began_is_waited_for_anew():
    desk = Desk()
    desk.admit(0, wait_seconds=3600)
    desk.intake.forget_waiting()
    desk.offsets.begin()
    desk.admit(0, wait_seconds=0.01)
    await until(lambda: desk.done == [0])
    assert len(desk.due) == 1
    await until(lambda: desk.window.admitted == 0)
    assert desk.offsets.open_records == 0


async def test_only_what_waits_says_so_and_is_told_when_due():
    gate = asyncio.Event()

    async def process(_delivered, _slot):
        await gate.wait()

    desk = Desk(process)
    desk.offsets.restore(PARTITION, CommitMap(base=0, end=5, open=(0, 4)))
    assert desk.admit(0, wait_seconds=0.01) is True
    assert desk.admit(3, wait_seconds=0.01) is False, "finished before, by a worker whose clock is ahead"
    await until(lambda: desk.due == [PARTITION])
    assert desk.admit(4) is False
    desk.offsets.begin()
    assert desk.admit(0, wait_seconds=0.01) is False, "adopted, and in work"
    gate.set()
    await until(lambda: desk.window.admitted == 0)
    assert desk.due == [PARTITION]


async def test_a_record_that_has_ended_in_this_very_step_is_not_adopted():
    desk = Desk()
    desk.admit(0)
    asyncio.current_task().get_loop().call_soon(lambda: (desk.offsets.begin(), desk.admit(0)))
    await until(lambda: desk.done == [0, 0])
    await until(lambda: desk.window.admitted == 0)
    assert desk.offsets.open_records == 0


async def test_a_record_in_work_is_adopted_and_its_end_counts():
    gate = asyncio.Event()

    async def process(_delivered, _slot):
        await gate.wait()

    desk = Desk(process)
    desk.admit(0)
    await until(lambda: desk.window.slots._value == 3)
    desk.offsets.begin()
    desk.admit(0)
    assert desk.window.admitted == 1
    gate.set()
    await until(lambda: desk.window.admitted == 0)
    assert desk.offsets.open_records == 0


async def nothing_but_cancelled(_delivered, _slot):
    inner = asyncio.get_running_loop().create_future()
    inner.cancel()
    await inner


async def fault(_delivered, _slot):
    raise KeyError("anything")


@pytest.mark.parametrize(("process", "kind"), [(nothing_but_cancelled, asyncio.CancelledError), (fault, KeyError)])
async def test_whatever_ends_a_record_unforeseen_is_told_and_the_record_is_not_finished(process, kind):
    desk = Desk(process)
    desk.admit(0)
    await until(lambda: desk.window.admitted == 0)
    assert [type(error) for error in desk.fatal] == [kind]
    assert desk.offsets.open_records == 1


async def test_what_a_drain_cancels_is_foreseen():
    async def process(_delivered, _slot):
        await asyncio.Event().wait()

    desk = Desk(process)
    desk.admit(0)
    await until(lambda: desk.window.slots._value == 3)
    assert await desk.intake.drain(seconds=0.01) == 1
    assert (desk.fatal, desk.window.admitted, desk.offsets.open_records) == ([], 0, 1)
