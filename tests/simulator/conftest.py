"""A simulator and a file server for this room, started once and directed anew for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulator.servers import FileServer, Simulator, run_file_server, run_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _running() -> Iterator[Simulator]:
    with run_simulator(fetch_timeout_seconds=5) as simulator:
        yield simulator


@pytest.fixture
def simulator(_running: Simulator) -> Iterator[Simulator]:
    _running.direct()
    _running.http.delete("/simulator/calls")
    yield _running
    _running.http.post("/simulator/release")


@pytest.fixture(scope="session")
def files() -> Iterator[FileServer]:
    with run_file_server() as server:
        yield server
