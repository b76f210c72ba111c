"""The window is full when its slots are taken, and a parked request takes none."""

import asyncio

import pytest

from analysis_worker.window import PARKED_PER_SLOT, Window


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
