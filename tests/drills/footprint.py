"""Worker processes, a scratch folder and a bucket in; the most that they took while the block ran, seen from outside, out."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.processes import children_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK_SECONDS, _LOOKS_PER_LISTING = 0.1, 5
_FIELDS = re.compile(r"^(VmHWM|VmRSS):\s+(\S+)", re.MULTILINE)
MB = 1_000_000


@dataclass(kw_only=True, slots=True)
class Peaks:
    """Bytes. Of `children` the sum of those that ran at the same time; `folder` and `objects` lie on disk and in the store."""

    worker_bytes: int = 0
    child_bytes: int = 0
    children_bytes: int = 0
    children_at_once: int = 0
    folder_bytes: int = 0
    folder_files: int = 0
    objects_bytes: int = 0
    both_bytes: int = 0
    looks: int = 0


@contextlib.contextmanager
def watched(
    pids: Callable[[], list[int]], *, folder: Path | None = None, listed: Callable[[], int] | None = None
) -> Iterator[Peaks]:
    """Look ten times a second; `pids` are the workers that run now, `listed` the bytes of scratch objects."""
    peaks, ending = Peaks(), threading.Event()

    def look() -> None:
        while not ending.wait(_LOOK_SECONDS):
            _look(peaks, pids(), folder=folder)
            if listed is not None and peaks.looks % _LOOKS_PER_LISTING == 0:
                _list(peaks, listed, folder=folder)
            peaks.looks += 1

    thread = threading.Thread(target=look, name="drill-footprint", daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ending.set()
        thread.join(30)


def peak_bytes(pid: int) -> int:
    """The most resident memory that a process ever had (`VmHWM`); 0 when it is gone."""
    return _status(pid).get("VmHWM", 0)


def bytes_in(folder: Path) -> tuple[int, int]:
    """What the files below a folder take on disk, or will once written; and how many they are, locks left out."""
    total, count = 0, 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found = (Path(where) / name).stat()
                total += max(found.st_blocks * 512, found.st_size)
                count += name != "lock"
    return total, count


def _look(peaks: Peaks, pids: list[int], *, folder: Path | None) -> None:
    for pid in pids:
        children = [_status(child) for child in children_of(pid)]
        peaks.worker_bytes = max(peaks.worker_bytes, peak_bytes(pid))
        peaks.child_bytes = max([peaks.child_bytes, *(one.get("VmHWM", 0) for one in children)])
        peaks.children_bytes = max(peaks.children_bytes, sum(one.get("VmRSS", 0) for one in children))
        peaks.children_at_once = max(peaks.children_at_once, len(children))
    if folder is not None:
        taken, count = bytes_in(folder)
        peaks.folder_bytes = max(peaks.folder_bytes, taken)
        peaks.folder_files = max(peaks.folder_files, count)


def _list(peaks: Peaks, listed: Callable[[], int], *, folder: Path | None) -> None:
    stored = listed()
    peaks.objects_bytes = max(peaks.objects_bytes, stored)
    peaks.both_bytes = max(peaks.both_bytes, stored + (bytes_in(folder)[0] if folder else 0))


def _status(pid: int) -> dict[str, int]:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: int(value) * 1024 for name, value in _FIELDS.findall(text)}
