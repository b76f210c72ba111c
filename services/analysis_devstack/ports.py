"""A number of ports in; that many free loopback ports out, leased so that stacks side by side never share one."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from analysis_devstack.errors import PortTaken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

# Below the kernel's ephemeral range (32768 on Linux), so that no outgoing connection takes a port between our look
# and the server's bind; and low enough that SeaweedFS's default of port + 10000 would stay below it, too.
FIRST_PORT, LAST_PORT = 11_000, 22_000
_TRIES = 2_000


class PortLease:
    """Free ports of 127.0.0.1, kept from other leases by a locked file each until `close`.

    A bind test alone is a race: two stacks that start in the same second may both find a port free before either
    server listens on it. The lock files lie in the temporary folder of the user and go with the lease.
    """

    def __init__(self) -> None:
        self._locks: dict[int, int] = {}
        self._folder = Path(tempfile.gettempdir()) / f"media-analysis-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, wanted: int | None = None) -> int:
        """Lease the port asked for, or a free one. Raises PortTaken."""
        if wanted:
            if not self._lock(wanted):
                raise PortTaken(f"port {wanted} of 127.0.0.1 is taken: choose another or leave it out")
            return wanted
        for candidate in _candidates():
            if self._lock(candidate):
                return candidate
        raise PortTaken(f"no free port between {FIRST_PORT} and {LAST_PORT} after {_TRIES} tries: stop other servers")

    def close(self) -> None:
        """Give every port back."""
        for port, handle in self._locks.items():
            (self._folder / str(port)).unlink(missing_ok=True)
            os.close(handle)
        self._locks.clear()

    def _lock(self, port: int) -> bool:
        path = self._folder / str(port)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        # The file may have been unlinked by its last holder between our open and our lock: then the lock guards nothing.
        if not path.exists() or path.stat().st_ino != os.fstat(handle).st_ino or not is_free(port):
            os.close(handle)
            return False
        self._locks[port] = handle
        return True


def is_free(port: int) -> bool:
    """Say whether nobody listens on that port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _candidates() -> Iterable[int]:
    chance = random.SystemRandom()
    return (chance.randint(FIRST_PORT, LAST_PORT) for _ in range(_TRIES))
