"""A stack in; worker processes of one group that are started, told to end, killed and stopped from outside, out."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.processes import children_of
from tests.system.harness_worker import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from analysis_devstack.stack import Stack

ROOT = Path(__file__).parent.parent.parent
# A killed worker's partitions move and its claims go stale within a drill; spans are another suite's matter.
OPTIONS: dict[str, str | None] = {
    "KAFKA_SESSION_TIMEOUT_MS": "6000",
    "WORKER_CLAIM_STALE_SECONDS": "5",
    "OTEL_EXPORTER_OTLP_ENDPOINT": None,
    # The code beside these drills, whatever is installed: a drill of an hour may run from a copy of the tree.
    "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'contracts'}",
}


@dataclass(kw_only=True)
class Member:
    """One worker process and what was done to it."""

    process: WorkerProcess
    pid: int
    fate: Literal["alive", "killed", "terminated"] = "alive"
    ended_at: datetime | None = field(default=None)
    """When it was sent the signal."""

    @property
    def running(self) -> bool:
        """It has not ended, though it may be about to."""
        return self.process.exit_code is None


class Fleet:
    """Workers of one group."""

    def __init__(self, stack: Stack, folder: Path, *, group: str, options: Mapping[str, str | None]) -> None:
        self._stack = stack
        self._folder = folder
        self.group = group
        self._options = {**OPTIONS, "KAFKA_GROUP_ID": group, **options}
        self.members: list[Member] = []

    @property
    def active(self) -> list[Member]:
        """Those that were sent no signal."""
        return [member for member in self.members if member.fate == "alive"]

    @property
    def crashed(self) -> list[Member]:
        """Those that ended by themselves."""
        return [member for member in self.active if not member.running]

    def start(self, **options: str | None) -> Member:
        """Start one more; it is not waited for."""
        process = WorkerProcess(self._stack, self._folder, overrides={**self._options, **options}).start()
        member = Member(process=process, pid=process.pid)
        self.members.append(member)
        return member

    async def start_ready(self, count: int, **options: str | None) -> list[Member]:
        """Start so many and wait until all are ready."""
        started = [self.start(**options) for _ in range(count)]
        for member in started:
            await member.process.wait_ready(seconds=90)
        return started

    def kill(self, member: Member) -> None:
        """`kill -9`."""
        member.fate, member.ended_at = "killed", datetime.now(UTC)
        member.process.kill()

    def terminate(self, member: Member) -> None:
        """SIGTERM, once."""
        member.fate, member.ended_at = "terminated", datetime.now(UTC)
        signal_worker(member, signal.SIGTERM)

    def freeze(self, member: Member) -> None:
        """SIGSTOP the worker (and what it started)."""
        _signal_all(member, signal.SIGSTOP)

    def thaw(self, member: Member) -> None:
        """SIGCONT."""
        _signal_all(member, signal.SIGCONT)

    async def end(self) -> None:
        """SIGTERM everybody and wait."""
        for member in self.active:
            if member.running:
                self.terminate(member)
        for member in self.members:
            if member.running:
                await member.process.wait(seconds=60)

    def exit_codes(self) -> list[int | None]:
        """How those ended that were told to: killed ones left out, and those that were still loading their code."""
        loaded = [member for member in self.members if member.fate != "killed" and member.process.url is not None]
        return [member.process.exit_code for member in loaded]

    def close(self) -> None:
        """Kill whatever is left."""
        for member in self.members:
            member.process.kill()


def signal_worker(member: Member, number: signal.Signals) -> None:
    """Send a signal to the worker alone; one that has ended is passed over."""
    if member.running:
        member.process.signal(number)


def _signal_all(member: Member, number: signal.Signals) -> None:
    for pid in (*children_of(member.pid), member.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.asynccontextmanager
async def open_fleet(
    stack: Stack, *, group: str, options: Mapping[str, str | None] | None = None
) -> AsyncIterator[Fleet]:
    """A fleet whose logs lie in the stack's directory; nobody of it outlives the block."""
    folder = stack.directory / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(stack, folder, group=group, options=options or {})
    try:
        yield fleet
    finally:
        fleet.close()
