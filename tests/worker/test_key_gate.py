"""A refused key: nobody is failed, one at a time tries, and everybody goes on when it is taken again."""

import asyncio

import pytest
import pytest_asyncio

from analysis_worker.provider.key_gate import MOST_SECONDS, KeyGate
from tests.processes import until


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(clock):
    return KeyGate(clock=clock, on_change=lambda: None, look_seconds=0.001)


@pytest_asyncio.fixture
async def start():
    tasks = []

    def starting(coroutine):
        tasks.append(asyncio.ensure_future(coroutine))
        return tasks[-1]

    yield starting
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_open_gate_holds_nobody(gate):
    await asyncio.wait_for(gate.passed(), 1)
    assert not gate.closed


async def test_one_at_a_time_tries_again_and_the_others_wait(gate, clock, start):
    gate.refuse("no such key")
    waiting = [start(gate.passed()) for _ in range(5)]
    await until(lambda: gate.closed, what="a closed gate")
    assert not any(task.done() for task in waiting)
    clock.now += MOST_SECONDS
    await until(lambda: any(task.done() for task in waiting), what="a probe")
    assert sum(task.done() for task in waiting) == 1


async def test_all_go_on_when_the_key_is_taken(gate, start):
    gate.refuse("no such key")
    waiting = [start(gate.passed()) for _ in range(5)]
    await until(lambda: gate.closed, what="a closed gate")
    gate.grant()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert (gate.refusal, gate.closed) == ("", False)


async def test_the_worker_takes_new_work_when_nobody_is_left_who_could_try(gate, start):
    gate.refuse("no such key")
    waiting = start(gate.passed())
    await until(lambda: gate.closed, what="a closed gate")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (gate.refusal, gate.closed) == ("no such key", False)


def test_who_changes_is_told(clock):
    seen = []
    gate = KeyGate(clock=clock, on_change=lambda: seen.append(gate.refusal))
    gate.refuse("no")
    gate.grant()
    gate.grant()
    assert seen == [""]
