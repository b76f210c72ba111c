"""Fetched bytes in, records out, whatever bytes a header's name is made of.

Brokers and clients of other languages (Sarama, franz-go, librdkafka) let a header's name be any bytes; aiokafka 0.14
decodes it as UTF-8 inside the batch and raises, again at every fetch, so that one such record stops its partition for
good and with it one worker after another. Here such a name is read with backslash escapes: no name of ours matches it,
and the record goes on to be a request or a dead letter like any other.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_leniently() -> None:
    """Let aiokafka's consumers of this process read their batches with `LenientRecords`; it has no setting for that."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    """The batches of one fetch."""

    def next_batch(self) -> Any:
        """The next batch, or None."""
        raw = self._next_slice
        batch = super().next_batch()
        return None if batch is None else _LenientBatch(batch, bytes(raw))


class _LenientBatch:
    """aiokafka's batch; only when that trips over a name are its records read by its slower twin in Python."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # aiokafka looks at a control batch's one record like this

    def __iter__(self) -> Iterator[Any]:
        count = 0
        try:
            for record in self._batch:
                count += 1
                yield record
        except UnicodeDecodeError:
            slow = _DefaultRecordBatchPy(self._raw)
            slow._maybe_uncompress()  # noqa: SLF001 - it would do so itself, into a plain bytearray
            slow._buffer = _LenientBytes(slow._buffer)  # noqa: SLF001
            yield from islice(slow, count, None)


class _LenientBytes(bytearray):
    """Bytes whose slices never fail to decode."""

    @overload
    def __getitem__(self, where: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, where: slice) -> bytearray: ...

    def __getitem__(self, where: SupportsIndex | slice) -> int | bytearray:
        found = super().__getitem__(where)
        return found if isinstance(found, int) else _LenientBytes(found)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - that is the point
        return super().decode(encoding, "backslashreplace")
