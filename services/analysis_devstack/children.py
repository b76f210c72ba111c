"""A command line in; a child process out that logs to a file, never outlives us, and ends quickly when told."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from analysis_devstack.errors import PackageMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

_TETHER = Path(__file__).with_name("tether.py")
_TAIL_LINES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """How to run one server: its program, its whole environment, where it runs, logs, and how it is told to end."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    output: Path | None = None
    """Where stdout goes when it is data and no log."""
    stop_signal: Literal[signal.Signals.SIGTERM, signal.Signals.SIGKILL] = signal.SIGTERM
    grace_seconds: float = 2.0


class Child:
    """A running server. It leads a process group of its own, so that Ctrl-C reaches us first and we end it.

    The kernel's death signal follows the *thread* that started the child (prctl(2)): start children in a thread that
    lives as long as they shall, which the main thread does.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self._ended = False
        command.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as files:
            log = files.enter_context(command.log.open("ab"))
            output = files.enter_context(command.output.open("ab")) if command.output else log
            self._process = self._spawn(command, stdout=output.fileno(), stderr=log.fileno())

    @staticmethod
    def _spawn(command: Command, *, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        program = Path(command.arguments[0])
        if not os.access(program, os.X_OK):
            raise PackageMissing(f"{command.name}: {program} is no program: pip install 'media-analysis[devstack]'")
        return subprocess.Popen(  # noqa: S603 — our own command line, no shell
            [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command.arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=dict(command.environment),
            cwd=command.folder,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    @property
    def died(self) -> bool:
        """It ended without having been told to."""
        return self.exit_code is not None and not self._ended

    def kill(self) -> None:
        """SIGKILL to the whole group, and reap it."""
        if not self._ended:  # once only: later the number may belong to somebody else
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._ended = True

    def ask_to_stop(self) -> None:
        """Send the stop signal and return at once."""
        if self.exit_code is None:
            self._signal(self.command.stop_signal)

    def stop(self) -> None:
        """Ask, wait for at most `grace_seconds`, then kill; what is left of its group goes, too."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.command.grace_seconds)
        self.kill()

    def log_tail(self) -> str:
        """The last lines of its log, indented, for an error message."""
        try:
            lines = self.command.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  | {line[:300]}" for line in lines[-_TAIL_LINES:])

    def _signal(self, number: signal.Signals) -> None:
        # Gone already: the group may be empty and its leader reaped.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
