"""A port and a script in; a running model server that others wrote, and what it saw of its client, out.

aimock (npm) answers from fixtures and keeps a journal; llmock (PyPI) makes JSON that fits the schema, breaks answers on
demand, and judges how its client took that. Both speak the OpenAI-compatible wire below `/v1`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from analysis_devstack.children import Child, Command
from tests.processes import until
from tests.real.install import aimock_folder, llmock_folder, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

_READY_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class ModelServer:
    """A server that runs; `control` is the path of what is its own and not the wire's."""

    port: int
    control: str
    child: Child

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask its control; returns the JSON of the answer."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            answer = await client.request(method, f"http://127.0.0.1:{self.port}{self.control}/{path}", **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


class Aimock(ModelServer):
    """Answers as its fixtures say."""

    async def calls_with(self, marker: str) -> list[dict[str, Any]]:
        """The entries of its journal whose request holds `marker`, oldest first."""
        return [one for one in await self.ask("GET", "journal") if marker in json.dumps(one["body"])]


class Llmock(ModelServer):
    """Answers by itself, or as scripted; the script is a queue of behaviours."""

    async def script(self, *behaviors: Mapping[str, Any]) -> None:
        """Have the next request, of those a behaviour is for, behave so."""
        await self.ask("POST", "scenario", json={"behaviors": list(behaviors)})

    async def calls_with(self, marker: str) -> list[dict[str, Any]]:
        """The requests whose body holds `marker`, oldest first."""
        return [one for one in (await self.ask("GET", "requests"))["requests"] if marker in json.dumps(one["body"])]

    async def reset(self) -> None:
        """Forget script and requests."""
        await self.ask("POST", "reset")

    async def report(self, *options: str) -> tuple[int, str]:
        """What `llmock report` says of the client: its exit code (1: it misbehaved) and its words."""
        arguments = ("-m", "llmock.cli", "report", "--url", f"http://127.0.0.1:{self.port}", *options)
        judge = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=dict(self.child.command.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        words, _ = await judge.communicate()
        return judge.returncode or 0, words.decode()


@contextlib.asynccontextmanager
async def run_aimock(folder: Path, *, port: int, fixtures: Sequence[Mapping[str, Any]]) -> AsyncIterator[Aimock]:
    """Run aimock with these fixtures, 5 characters a chunk, 5 ms apart unless a fixture says otherwise."""
    file = _written(folder, fixtures)
    node = program("node", remedy="install Node.js, 20.15 or newer")
    script = aimock_folder() / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    options = ("--port", str(port), "--fixtures", str(file), "--latency", "5", "--chunk-size", "5", "--strict")
    command = Command(
        name="aimock",
        arguments=(node, str(script), *options, "--validate-on-load"),
        environment={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
        folder=folder,
        log=folder / "aimock.log",
    )
    async with _run(command, health=f"http://127.0.0.1:{port}/__aimock/health") as child:
        yield Aimock(port=port, control="/__aimock", child=child)


@contextlib.asynccontextmanager
async def run_llmock(folder: Path, *, port: int, options: Sequence[str] = ()) -> AsyncIterator[Llmock]:
    """Run `llmock serve` with these further options."""
    command = Command(
        name="llmock",
        arguments=(sys.executable, "-m", "llmock.cli", "serve", "--host", "127.0.0.1", "--port", str(port), *options),
        # The packages of its lock come before ours of the same name.
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "PYTHONPATH": str(llmock_folder()),
        },
        folder=folder,
        log=folder / "llmock.log",
    )
    async with _run(command, health=f"http://127.0.0.1:{port}/health") as child:
        yield Llmock(port=port, control="/_llmock", child=child)


def _written(folder: Path, fixtures: Sequence[Mapping[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": list(fixtures)}))
    return file


@contextlib.asynccontextmanager
async def _run(command: Command, *, health: str) -> AsyncIterator[Child]:
    child = Child(command)
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:

            async def answers() -> bool:
                assert child.exit_code is None, f"{command.name} ended with {child.exit_code}:\n{child.log_tail()}"
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get(health)).is_success
                return False

            await until(answers, seconds=_READY_SECONDS, what=lambda: f"{command.name}\n{child.log_tail()}")
        yield child
    finally:
        child.stop()
