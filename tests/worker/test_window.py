"""The window is full when its slots are taken, and a parked request takes none."""

import asyncio

import pytest

from analysis_worker.window import PARKED_PER_SLOT, Window
from tests.processes import until


def build(capacity):
    told = []
    return Window(capacity=capacity, on_room=lambda: told.append(True)), told


async def test_it_is_full_at_its_capacity_and_tells_when_there_is_room():
    window, told = build(2)
    window.admit()
    assert not window.full
    window.admit()
    assert window.full
    window.leave()
    assert not window.full
    assert told


async def test_a_parked_request_gives_its_slot_to_another():
    window, _ = build(1)
    order = []

    async def parked():
        window.admit()
        async with window.new_slot() as slot:
            order.append("first")
            await slot.wait(0.05)
            order.append("first again")
        window.leave()

    async def other():
        window.admit()
        async with window.new_slot():
            order.append("other")
        window.leave()

    async with asyncio.timeout(5):
        await asyncio.gather(parked(), other())
    assert order == ["first", "other", "first again"]
    assert (window.admitted, window.parked) == (0, 0)


async def test_parked_requests_are_bounded():
    window, _ = build(1)
    window.parked = PARKED_PER_SLOT
    window.admitted = PARKED_PER_SLOT
    assert window.full


async def test_any_number_set_aside_leaves_the_window_open():
    window, told = build(1)
    done = []

    async def broken(seconds):
        window.admit()
        async with window.new_slot() as slot:
            await slot.set_aside(seconds)
            done.append(seconds)
        window.leave()

    waiting = [asyncio.create_task(broken(3600)) for _ in range(10 * PARKED_PER_SLOT)]
    woken = [asyncio.create_task(broken(0.01)) for _ in range(10)]
    await until(lambda: window.set_aside == len(waiting) and len(done) == len(woken))
    assert not window.full
    assert told
    await asyncio.gather(*woken)
    assert (window.set_aside, window.parked, window.in_flight) == (len(waiting), 0, 0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert window.set_aside == 0
    assert not window.slots.locked()


async def test_one_that_wakes_up_queues_for_its_slot_without_filling_the_window():
    window, _ = build(1)
    window.admit()
    async with window.new_slot() as slot:
        aside = asyncio.create_task(slot.set_aside(0))
        async with asyncio.timeout(5):
            async with window.new_slot():
                for _ in range(5):
                    await asyncio.sleep(0)
                assert (window.set_aside, window.full) == (1, False)
            await aside
    assert window.set_aside == 0


@pytest.mark.parametrize("when", ["waiting without the slot", "holding it"])
async def test_a_cancelled_request_returns_its_slot_exactly_once(when):
    window, _ = build(1)

    async def work():
        async with window.new_slot() as slot:
            if when == "holding it":
                await asyncio.Event().wait()
            await slot.wait(3600)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(1), window.new_slot():
        assert window.slots.locked()
    assert not window.slots.locked()
