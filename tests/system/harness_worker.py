"""A stack and overrides in; `media-analysis worker` as its own process, with its exit code, logs and probes, out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from typing import TYPE_CHECKING, Any

import httpx

from analysis_devstack.children import Child, Command
from tests.processes import until

if TYPE_CHECKING:
    from pathlib import Path

    from analysis_devstack.stack import Stack

# Quicker than in production, so that a killed worker's partitions move and its claims go stale within a test.
QUICK = {
    "KAFKA_SESSION_TIMEOUT_MS": "6000",
    "WORKER_CLAIM_STALE_SECONDS": "3",
    "WORKER_HTTP_HOST": "127.0.0.1",
    "WORKER_HTTP_PORT": "0",  # the worker logs the port that it was given
    "OTEL_BSP_SCHEDULE_DELAY": "200",  # milliseconds between exports of spans
}


class WorkerProcess:
    """One worker. It dies with the tests' process, whatever happens."""

    def __init__(
        self,
        stack: Stack,
        folder: Path,
        *,
        like: WorkerProcess | None = None,
        overrides: dict[str, str | None] | None = None,
    ) -> None:
        """`like`: join that worker's group. `overrides`: variables beside the stack's; None removes one."""
        name = uuid.uuid4().hex[:8]
        self.group_id = like.group_id if like else f"tests-{name}"
        kept = {variable: os.environ[variable] for variable in ("PATH", "LANG") if variable in os.environ}
        environment = kept | stack.environment | QUICK | {"KAFKA_GROUP_ID": self.group_id, "HOME": str(folder)}
        environment |= {"PYTHONUNBUFFERED": "1", "OTEL_SERVICE_NAME": "analysis-worker"}
        environment |= overrides or {}
        self.environment = {variable: value for variable, value in environment.items() if value is not None}
        self._command = Command(
            name=f"worker {name}",
            arguments=(sys.executable, "-P", "-m", "media_analysis", "worker"),
            environment=self.environment,
            folder=folder / name,
            log=folder / f"worker-{name}.err",
            output=folder / f"worker-{name}.out",
        )
        self._child: Child | None = None

    def start(self) -> WorkerProcess:
        self._child = Child(self._command)
        return self

    @property
    def pid(self) -> int:
        assert self._child, "the worker was not started"
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._child.exit_code if self._child else None

    @property
    def stderr(self) -> str:
        return self._command.log.read_text(errors="replace") if self._command.log.exists() else ""

    @property
    def stdout(self) -> str:
        output = self._command.output
        return output.read_text(errors="replace") if output and output.exists() else ""

    def log_lines(self) -> list[dict[str, Any]]:
        """What it logged as JSON, a line each; other lines are passed over."""
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{") and line.endswith("}")]

    @property
    def url(self) -> str | None:
        """Where its probes answer; None until it has logged the port."""
        ports = [line["port"] for line in self.log_lines() if line.get("event") == "http_listening"]
        return f"http://127.0.0.1:{ports[-1]}" if ports else None

    async def get(self, path: str) -> httpx.Response:
        """Ask its health server, e.g. for `/readyz`."""
        assert self.url, f"the worker has not said where it listens:\n{self._tail()}"
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            return await client.get(self.url + path)

    async def wait_ready(self, *, seconds: float = 60.0) -> WorkerProcess:
        """Wait until /readyz is 200: it has joined its group, and store and broker answer."""

        async def ready() -> bool:
            assert self.exit_code is None, f"the worker ended with {self.exit_code}:\n{self._tail()}"
            if self.url is None:
                return False
            try:
                return (await self.get("/readyz")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        await until(ready, seconds=seconds, what=lambda: f"ready worker\n{self._tail()}")
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker alone."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM, as Kubernetes does."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`, and whatever it started goes with it."""
        if self._child:
            self._child.kill()

    async def wait(self, *, seconds: float = 60.0) -> int:
        """Wait for its end and return the exit code."""
        await until(lambda: self.exit_code is not None, seconds=seconds, what=lambda: f"end of worker\n{self._tail()}")
        assert self.exit_code is not None
        return self.exit_code

    async def stop(self) -> int:
        """SIGTERM and wait; killed when it takes longer than a test should."""
        if self.exit_code is None:
            self.terminate()
        try:
            return await self.wait(seconds=30)
        finally:
            await asyncio.to_thread(self.kill)

    def _tail(self) -> str:
        return self._child.log_tail() if self._child else "(not started)"
