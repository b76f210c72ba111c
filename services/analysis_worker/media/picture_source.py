"""In: where a picture lies (URL or path). Out: its bytes as a file that can be read anywhere, or the fault that fits.

Runs in child processes only. Of a URL only the ranges that are asked for are read, a block at a time (law 8).
"""

from __future__ import annotations

import http.client
import io
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from analysis_worker.media.probe_images import ProbeFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_BLOCK_BYTES: Final = 1024 * 1024
# What the store's answers mean; every read carries `If-Match`, so another object is 412.
_FAULTS: Final = {
    http.client.NOT_FOUND: ("missing", "the store has no such object (404)"),
    http.client.PRECONDITION_FAILED: ("changed", "the object changed while it was looked at (412)"),
}


@contextmanager
def opened_picture(job: dict[str, Any]) -> Iterator[BinaryIO]:
    """The file, for the length of the block; reading it raises `ProbeFault` where the store has another answer."""
    if job["from"] == "path":
        with Path(job["address"]).open("rb") as file:
            yield file
        return
    with _Ranges(job) as ranges:
        yield io.BufferedReader(ranges, _BLOCK_BYTES)


class _Ranges(io.RawIOBase):
    """An object of the store, read by ranges over one connection."""

    def __init__(self, job: dict[str, Any]) -> None:
        address = urlsplit(job["address"])
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.netloc, timeout=job["wall_seconds"])
        self._target = f"{address.path}?{address.query}"
        self._headers = job["headers"]
        self._size_bytes = job["size_bytes"]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size_bytes - self._at)
        if wanted <= 0:
            return 0
        data = self._read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, count: int) -> bytes:
        span = f"bytes={self._at}-{self._at + count - 1}"
        try:
            self._connection.request("GET", self._target, headers={**self._headers, "Range": span})
            answer = self._connection.getresponse()
            # A store that ignores the range would send all of it; more than was asked for is never read.
            data = answer.read(count)
        except (OSError, http.client.HTTPException) as fault:
            raise ProbeFault("unreachable", f"the store did not answer: {fault}") from fault
        if answer.status != http.client.PARTIAL_CONTENT:
            said = f"the store refused to be read: {answer.status} {answer.reason}"
            raise ProbeFault(*_FAULTS.get(answer.status, ("unreachable", said)))
        return data

    def close(self) -> None:
        self._connection.close()
        super().close()
