"""Fixtures of the system tests: a stack that is empty when it should be, workers, and both ends of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.real.stack import RealStack
from tests.system.harness import Bucket, Simulator, Wire, open_wire
from tests.system.harness_spans import Spans
from tests.system.harness_worker import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from analysis_devstack.stack import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "system" in item.path.parent.parts:
            item.add_marker(pytest.mark.system)


async def make_empty(stack: Stack) -> Stack:
    """New topics without records, and a simulator that plays the honest script; what died since is started again.

    The embedded broker starts anew on its old port (0.1 s); a real one keeps running and gets its topics anew.
    """
    for name in stack.names:
        if stack.exit_code(name) is not None:
            await stack.start(name)
    if isinstance(stack, RealStack):
        await stack.empty()
    else:
        await stack.restart("broker")
    await Simulator(stack).reset()
    return stack


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fresh_stack(stack: Stack) -> Stack:
    """The stack, emptied once for this module; its tests tell their records apart by `request_id`."""
    return await make_empty(stack)


@pytest_asyncio.fixture
async def empty_stack(stack: Stack) -> Stack:
    """The stack, emptied for this test: do not use it in a module that has a `shared_worker`."""
    return await make_empty(stack)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_worker(fresh_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerProcess]:
    """One ready worker for all tests of a module, stopped by SIGTERM at its end."""
    worker = WorkerProcess(fresh_stack, tmp_path_factory.mktemp("worker")).start()
    try:
        yield await worker.wait_ready()
        assert await worker.stop() == 0
    finally:
        worker.kill()


@pytest.fixture
def start_worker(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """A function that starts a worker (`like=` another's group, any variable as `NAME=value`); all are killed at the end.

    It does not wait: `await start_worker().wait_ready()`.
    """
    started: list[WorkerProcess] = []

    def start(*, like: WorkerProcess | None = None, **overrides: str | None) -> WorkerProcess:
        started.append(WorkerProcess(stack, tmp_path, like=like, overrides=overrides).start())
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


@pytest_asyncio.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Publishes, and hears everything since the broker was emptied; ask for it after the fixture that empties."""
    async with open_wire(stack) as opened:
        yield opened


@pytest_asyncio.fixture
async def simulator(stack: Stack) -> AsyncIterator[Simulator]:
    """The simulator's control; the honest script comes back after the test."""
    control = Simulator(stack)
    yield control
    await control.play()
    await control.release()


@pytest.fixture
def bucket(stack: Stack) -> Bucket:
    return Bucket(stack)


@pytest.fixture
def spans(stack: Stack) -> Spans:
    return Spans(stack.spans_file)
