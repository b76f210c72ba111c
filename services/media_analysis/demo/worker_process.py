"""A folder and this process's environment in; a worker as a process, its log lines as they come, and its end, out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import httpx

from analysis_devstack.children import Child, Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_POLL_SECONDS: Final = 0.05
_READY_SECONDS: Final = 30.0
DRAIN_SECONDS: Final = 10.0


class WorkerEnded(Exception):
    """The worker ended by itself, or never was ready; the message has its last words or its log."""


class WorkerProcess:
    """`media-analysis worker` with the settings of this process's environment."""

    def __init__(self, *, directory: Path, http_port: int) -> None:
        self.log = directory / "worker.log"
        self._port = http_port
        self._child = Child(
            Command(
                name="worker",
                arguments=(sys.executable, "-m", "media_analysis", "worker"),
                environment={
                    **os.environ,
                    "WORKER_HTTP_HOST": "127.0.0.1",
                    "WORKER_HTTP_PORT": str(http_port),
                    "WORKER_DRAIN_SECONDS": str(DRAIN_SECONDS),
                    "OTEL_BSP_SCHEDULE_DELAY": "200",
                },
                folder=directory / "worker",
                log=self.log,
                grace_seconds=DRAIN_SECONDS + 5,
            )
        )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._child.exit_code

    async def ready(self) -> None:
        """Return once `/readyz` says so. Raises WorkerEnded, also when that takes longer than half a minute."""
        try:
            async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient(trust_env=False) as client:
                while not await self._answers(client):
                    self.check()
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise WorkerEnded(f"the worker was not ready after {_READY_SECONDS:g} s; its log: {self.log}") from None

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            response = await client.get(f"http://127.0.0.1:{self._port}/readyz")
        except httpx.TransportError:
            return False
        return response.status_code == httpx.codes.OK

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the JSON objects of its log as they are written, until it ends. Raises WorkerEnded when it does."""
        with self.log.open("r", encoding="utf-8", errors="replace") as lines:
            held = ""
            while True:
                held += lines.readline()
                if held.endswith("\n"):
                    if (event := _read(held)) is not None:
                        yield event
                    held = ""
                    continue
                self.check()
                await asyncio.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Raise WorkerEnded when it has ended without having been told to."""
        if self._child.died:
            said = " ".join(self._child.log_tail().split())[-300:]
            raise WorkerEnded(
                f"the worker ended by itself with {self._child.exit_code}: {said or 'no word'}; its log: {self.log}"
            )

    async def stop(self) -> int | None:
        """Send SIGTERM, wait for its drain, and return its exit code."""
        await asyncio.to_thread(self._child.stop)
        return self._child.exit_code

    def kill(self) -> None:
        """End it by force, if it still runs."""
        self._child.kill()


def _read(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
