"""A parent's process id and a command in; the command's process, which dies when that parent dies, out.

Run as a program: `python -I -S tether.py PARENT COMMAND…`. It uses the standard library alone, so that it starts in
a few milliseconds, and imports nothing of ours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; survives the exec below, is cleared only for set-user-id programs
_WATCH_SECONDS = 0.2


def main(parent: int, command: list[str]) -> int:
    """Become the command (Linux), or run and watch it (elsewhere); return its exit code."""
    if sys.platform == "linux":
        _die_with_parent()
        if os.getppid() != parent:  # it died before the line above: the kernel will send nothing any more
            return 1
        os.execvp(command[0], command)  # noqa: S606 — no shell is wanted
    return watch(parent, command)


def watch(parent: int, command: list[str]) -> int:
    """Run the command and kill it as soon as the parent is another one: the way for kernels without prctl."""
    child = subprocess.Popen(command)  # noqa: S603 — the caller is analysis_devstack
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while True:
        try:
            return child.wait(_WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                child.kill()


def _die_with_parent() -> None:
    import ctypes  # noqa: PLC0415 — 10 ms that the other kernels need not pay

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_PDEATHSIG): {os.strerror(code)}")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
