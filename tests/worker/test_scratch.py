"""Scratch space is reserved before it is used, in the order of asking, and given back however the work ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker.cutting.scratch import ScratchSpace, scratch_folder
from analysis_worker.errors import ScratchTooSmall


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a step of the loop at a time
            await asyncio.sleep(0)


async def hold(space, need, held, done):
    async with space.reserved(need):
        held.append(need)
        await done.wait()


async def test_who_asks_for_more_than_there_is_waits_and_the_next_waits_behind_it():
    space, held = ScratchSpace(total_bytes=10), []
    gates = [asyncio.Event() for _ in range(3)]
    async with asyncio.TaskGroup() as tasks:
        for need, gate in zip((6, 5, 1), gates, strict=True):
            tasks.create_task(hold(space, need, held, gate))
            await asyncio.sleep(0)
        assert (held, space.used_bytes, space.waiting) == ([6], 6, 2)
        gates[0].set()
        await until(lambda: held == [6, 5, 1])
        for gate in gates:
            gate.set()
    assert (space.used_bytes, space.waiting, space.peak_bytes) == (0, 0, 6)


async def test_more_than_there_is_in_all_is_refused_by_name_at_once():
    space = ScratchSpace(total_bytes=10)
    with pytest.raises(ScratchTooSmall, match="WORKER_SCRATCH_BYTES is 10"):
        async with space.reserved(11):
            pytest.fail("reserved")
    with pytest.raises(ValueError, match="-1"):
        async with space.reserved(-1):
            pytest.fail("reserved")


async def test_space_is_given_back_after_a_failure():
    space = ScratchSpace(total_bytes=10)
    with pytest.raises(RuntimeError):
        async with space.reserved(10):
            raise RuntimeError
    async with space.reserved(10):
        assert space.used_bytes == 10


async def test_what_turns_out_not_to_be_needed_is_given_back_at_once():
    space, held, done = ScratchSpace(total_bytes=10), [], asyncio.Event()
    async with space.reserved(10) as reservation:
        waiting = asyncio.create_task(hold(space, 6, held, done))
        await until(lambda: space.waiting == 1)
        reservation.keep(4)
        reservation.keep(9)
        await until(lambda: held == [6])
        assert (space.used_bytes, reservation.held_bytes) == (10, 4)
    done.set()
    await waiting
    assert space.used_bytes == 0


async def test_who_gives_up_waiting_lets_those_behind_through():
    space, held, done = ScratchSpace(total_bytes=10), [], asyncio.Event()
    first, large, small = (asyncio.create_task(hold(space, need, held, done)) for need in (6, 9, 4))
    await until(lambda: space.waiting == 2)
    large.cancel()
    await until(lambda: held == [6, 4])
    done.set()
    await asyncio.gather(first, small)
    assert (space.used_bytes, large.cancelled()) == (0, True)


async def test_one_cancelled_in_the_step_in_which_its_turn_came_takes_nothing_away():
    space, held, done = ScratchSpace(total_bytes=10), [], asyncio.Event()
    first = asyncio.create_task(hold(space, 10, held, done))
    second = asyncio.create_task(hold(space, 10, held, asyncio.Event()))
    third = asyncio.create_task(hold(space, 10, held, done))
    await until(lambda: space.waiting == 2)
    done.set()
    await until(first.done)
    second.cancel()
    await until(third.done)
    assert (space.used_bytes, space.waiting, second.cancelled()) == (0, 0, True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 4), st.integers(0, 6) | st.none()), max_size=12),
)
def test_never_more_than_all_of_it_is_held_and_everybody_gets_a_turn(works):
    """Each work needs so much, holds it for so many steps, and is cancelled after so many, or not."""
    space, ended = ScratchSpace(total_bytes=10), []

    async def work(number, need, steps):
        async with space.reserved(need):
            assert space.used_bytes <= 10
            for _ in range(steps):
                await asyncio.sleep(0)
            ended.append(number)

    async def everything():
        tasks = [asyncio.create_task(work(number, need, steps)) for number, (need, steps, _) in enumerate(works)]
        for step in range(8):
            for task, (_, _, cancelled_at) in zip(tasks, works, strict=True):
                if cancelled_at == step:
                    task.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(everything())
    assert {number for number, (_, _, cancelled_at) in enumerate(works) if cancelled_at is None} <= set(ended)
    assert (space.used_bytes, space.waiting) == (0, 0)
    assert space.peak_bytes <= 10


CRASHING = """
import os, sys
from pathlib import Path
from analysis_worker.cutting.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), name="crashed") as folder:
    (folder / "piece.mp4").write_bytes(bytes(1000))
    os._exit(1)
"""


def test_what_a_crashed_process_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path):
    parent = tmp_path / "scratch"
    subprocess.run([sys.executable, "-c", CRASHING, str(parent)], check=False)
    assert (parent / "crashed" / "piece.mp4").exists()
    with scratch_folder(parent, name="one") as one:
        (one / "piece.mp4").write_bytes(b"x")
        assert not (parent / "crashed").exists()
        with scratch_folder(parent, name="two") as two:
            assert (one / "piece.mp4").exists()
        assert not two.exists()
    assert not one.exists()
