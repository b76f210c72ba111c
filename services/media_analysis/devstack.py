"""Options in; the embedded stack, kept up until Ctrl-C or SIGTERM, and the environment to use it, out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analysis_devstack.errors import ServerFailed
from analysis_devstack.plan import WantedPorts
from analysis_devstack.stack import Stack, start_stack

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

_PORT = click.IntRange(1, 65_535)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="devstack")
@click.option("--env-file", type=_FILE, help="Write KEY=VALUE lines here once everything is ready; gone when it ends.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep logs, objects and spans here. Default: a temporary folder, removed at the end.",
)
@click.option(
    "--scenario", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A simulator's scenario."
)
@click.option("--port-broker", type=_PORT, help="Default: a free port, as for the others.")
@click.option("--port-store", type=_PORT)
@click.option("--port-simulator", type=_PORT)
@click.option("--port-trace-sink", type=_PORT)
@click.option("--simulator/--no-simulator", default=True, help="Start the model simulator as well.")
def command(
    *,
    env_file: Path | None,
    directory: Path | None,
    scenario: Path | None,
    port_broker: int | None,
    port_store: int | None,
    port_simulator: int | None,
    port_trace_sink: int | None,
    simulator: bool,
) -> None:
    """Keep the embedded broker, store, simulator and trace sink up and print the environment to use them.

    The broker keeps its records in memory: they end with it. Ctrl-C or SIGTERM end everything, with exit code 0.
    """
    ports = WantedPorts(broker=port_broker, store=port_store, simulator=port_simulator, trace_sink=port_trace_sink)
    if env_file is not None:
        env_file.parent.mkdir(parents=True, exist_ok=True)
        env_file.unlink(missing_ok=True)  # one that is there means "ready", so an old one must not lie
    with _folder(directory) as folder:
        asyncio.run(
            _until_told(_keep_up(folder, env_file=env_file, scenario=scenario, ports=ports, simulator=simulator))
        )


async def _keep_up(
    folder: Path, *, env_file: Path | None, scenario: Path | None, ports: WantedPorts, simulator: bool
) -> None:
    begun = time.monotonic()
    async with start_stack(folder, ports=ports, scenario=scenario, simulator=simulator) as stack:
        with _environment_file(env_file, stack.environment):
            click.echo(_banner(stack, seconds=time.monotonic() - begun, env_file=env_file))
            name = await stack.wait_for_death()
            raise ServerFailed(
                f"{name} ended by itself with {stack.exit_code(name)}: start the stack again",
                log_tail=stack.log_tail(name),
            )


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run the work until SIGINT, SIGTERM or SIGHUP, which are the normal end and no error."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def environment_lines(environment: Mapping[str, str]) -> str:
    """KEY=VALUE lines that a POSIX shell can source: a value with quotes or blanks in it is quoted."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())


def _banner(stack: Stack, *, seconds: float, env_file: Path | None) -> str:
    lines = environment_lines(stack.environment).splitlines()
    source = [f"# or: set -a; . {shlex.quote(str(env_file))}; set +a"] if env_file else []
    return "\n".join(
        [
            f"# The stack is up ({seconds:.1f} s). Logs, objects and spans: {stack.directory}",
            "# In another shell:",
            *(f"export {line}" for line in lines),
            *source,
            "# then: media-analysis worker",
            "# and:  media-analysis submit --upload FILE --wait",
            "# Ctrl-C ends it.",
        ]
    )


@contextlib.contextmanager
def _environment_file(path: Path | None, environment: Mapping[str, str]) -> Iterator[None]:
    if path is None:
        yield
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)  # it holds keys
    unfinished.write_text(environment_lines(environment))
    unfinished.replace(path)  # a reader sees all of it or nothing
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="media-analysis-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
