"""In: how many bytes of scratch space a piece of work needs. Out: a reservation, after a wait in the order of asking.

Law 8: space is reserved before it is used. One at a time per piece of work: who holds a reservation and asks for
another could wait for itself. Files lie in a folder of this process; what crashed processes left is removed at start.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import uuid
from collections import deque
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis_worker.errors import ScratchTooSmall, Stopped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FOLDER: Final = "media-analysis-scratch"
_LOCK: Final = "lock"


class Reservation:
    """Scratch space that is held."""

    def __init__(self, space: ScratchSpace, held_bytes: int) -> None:
        self._space = space
        self.held_bytes = held_bytes

    def keep(self, used_bytes: int) -> None:
        """Give back all but what is used; never takes more."""
        surplus = max(self.held_bytes - used_bytes, 0)
        self.held_bytes -= surplus
        self._space.give_back(surplus)


class ScratchSpace:
    """`total_bytes` (WORKER_SCRATCH_BYTES) to be shared; `used_bytes`, `peak_bytes` and `waiting` are for the metrics."""

    def __init__(self, *, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.used_bytes = 0
        self.peak_bytes = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for space."""
        return len(self._queue)

    @asynccontextmanager
    async def reserved(self, need_bytes: int) -> AsyncIterator[Reservation]:
        """Hold that much for the length of the block, once everybody who asked before has had theirs.

        :raises ScratchTooSmall: when there is not that much in all: waiting would never end.
        :raises ValueError: when it is below zero.
        """
        if need_bytes < 0:
            raise ValueError(f"{need_bytes} bytes of scratch space; give the size of what is written")
        if need_bytes > self.total_bytes:
            raise ScratchTooSmall(
                f"{need_bytes:,} bytes of scratch space are needed at once, WORKER_SCRATCH_BYTES is"
                f" {self.total_bytes:,}: raise it, or send shorter or smaller media"
            )
        await self._take(need_bytes)
        held = Reservation(self, need_bytes)
        try:
            yield held
        finally:
            held.keep(0)

    def give_back(self, surplus_bytes: int) -> None:
        """Less is held; for reservations."""
        self.used_bytes -= surplus_bytes
        self._wake()

    async def _take(self, need_bytes: int) -> None:
        if not self._queue and self._fits(need_bytes):
            self._grant(need_bytes)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((need_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._queue = deque(entry for entry in self._queue if entry[1] is not turn)
            else:  # granted in the same step of the loop
                self.used_bytes -= need_bytes
            self._wake()
            raise

    def _wake(self) -> None:
        while self._queue and (self._queue[0][1].done() or self._fits(self._queue[0][0])):
            need_bytes, turn = self._queue.popleft()
            if not turn.done():
                self._grant(need_bytes)
                turn.set_result(None)

    def _fits(self, need_bytes: int) -> bool:
        return self.used_bytes + need_bytes <= self.total_bytes

    def _grant(self, need_bytes: int) -> None:
        self.used_bytes += need_bytes
        self.peak_bytes = max(self.peak_bytes, self.used_bytes)


@contextmanager
def scratch_folder(parent: Path, *, name: str) -> Iterator[Path]:
    """A folder below `parent` for this process, gone afterwards; those of processes that are gone are removed first.

    `name` is one that no other process has. A lock tells who lives: it ends with its process, however that ends.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = parent / name
    with ExitStack() as held:
        with (parent / _LOCK).open("a") as setup:
            fcntl.flock(setup, fcntl.LOCK_EX)  # or else somebody removes a folder that is not locked yet
            for left in parent.iterdir():
                _remove_if_left(left)
            folder.mkdir()
            fcntl.flock(held.enter_context((folder / _LOCK).open("w")), fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_scratch_folder() -> Iterator[Path]:
    """That of this process, below the folder for temporary files (TMPDIR).

    :raises Stopped: when nothing can be written there.
    """
    # One for each user: what another one has made there cannot be opened.
    parent = Path(tempfile.gettempdir()) / f"{FOLDER}-{os.getuid()}"
    with ExitStack() as held:
        try:
            folder = held.enter_context(scratch_folder(parent, name=f"{os.getpid()}-{uuid.uuid4().hex}"))
        except OSError as fault:
            raise Stopped(
                f"{parent}: {fault.strerror or fault}: name a folder that can be written in TMPDIR"
            ) from fault
        yield folder


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError), (folder / _LOCK).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
