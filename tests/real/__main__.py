"""`start` or `stop` in; the real stack, kept up by a process of its own, and the environment to use it, out.

`python -m tests.real start [FOLDER]` returns once everything answers; `python -m tests.real stop [FOLDER]` once all has
ended. FOLDER holds the logs, the data and `environment`; without one it is `.real/run` in the checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.real.install import FOLDER, install
from tests.real.stack import start_real_stack

_START_SECONDS, _STOP_SECONDS, _PAUSE_SECONDS = 180.0, 30.0, 0.1


def start(folder: Path) -> int:
    """Leave a keeper behind that outlives us, and wait for it."""
    if _keeper(folder):
        sys.exit(f"{folder}: a stack runs there already: stop it first, or name another folder")
    install()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.real", "keep", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while not (folder / "environment").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.terminate()
            sys.exit(f"the stack did not start:\n{(folder / 'keeper.log').read_text()}")
        time.sleep(_PAUSE_SECONDS)
    sys.stdout.write((folder / "environment").read_text())
    return 0


def stop(folder: Path) -> int:
    """Tell the keeper to end and wait until it has."""
    if keeper := _keeper(folder):
        os.kill(keeper, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _keeper(folder):
            if time.monotonic() > deadline:
                sys.exit(f"process {keeper} has not ended after {_STOP_SECONDS:.0f} s: look into {folder}")
            time.sleep(_PAUSE_SECONDS)
    return 0


def keep(folder: Path) -> int:
    """Hold the stack up until told to end."""
    (folder / "pid").write_text(str(os.getpid()))
    try:
        asyncio.run(_until_told(folder))
    finally:
        (folder / "pid").unlink()
    return 0


async def _until_told(folder: Path) -> None:
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with start_real_stack(folder) as stack:
            pids = "".join(f"# {name}: process {stack.pid(name)}\n" for name in stack.names)
            lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in stack.environment.items())
            unfinished = folder / "unfinished"
            unfinished.touch(mode=0o600)  # it holds keys
            unfinished.write_text(pids + lines)
            unfinished.replace(folder / "environment")
            await asyncio.Event().wait()  # also when a broker is killed by hand, to see what happens


def _keeper(folder: Path) -> int | None:
    try:
        number = int((folder / "pid").read_text())
        os.kill(number, 0)
    except (OSError, ValueError):
        return None
    return number


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.real", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "keep"])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER / "run")
    chosen = parser.parse_args()
    sys.exit({"start": start, "stop": stop, "keep": keep}[chosen.action](chosen.folder.resolve()))
