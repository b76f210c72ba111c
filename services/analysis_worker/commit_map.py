"""Pure: which offsets beyond a committed one are finished in, the text that travels in the commit's metadata out.

A commit names one offset; what is finished beyond it would be done again after a restart. So each commit carries a
map (law 3): everything from `base` up to `end` is finished except the offsets in `open`. Offsets in between that no
consumer is ever given (transaction markers, compacted records) may count as finished.

On the wire: base64url without padding of a version byte, then LEB128 numbers: `base`, the length of the mapped
stretch, and the run of finished offsets before each open one. Brokers take 4,096 characters
(`offset.metadata.max.bytes`), and aiokafka passes a string.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = 1
MAX_CHARACTERS: Final = 4096
_MAX_BYTES: Final = MAX_CHARACTERS * 3 // 4
_LAST_GROUP: Final = 0x7F
_MAX_NUMBER_BYTES: Final = 10


class UnknownCommitMap(ValueError):
    """The text is no commit map of this release: another group's habit, a newer release, or damage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitMap:
    """Every offset of `base <= offset < end` is finished, except those in `open` (ascending)."""

    base: int
    end: int
    open: tuple[int, ...] = ()
    _open: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the open offsets for quick look-ups."""
        object.__setattr__(self, "_open", frozenset(self.open))

    def finished(self, offset: int) -> bool:
        """Whether the map says that the record at `offset` is done."""
        return self.base <= offset < self.end and offset not in self._open

    @property
    def finished_count(self) -> int:
        """How many offsets are finished beyond `base`, gaps included."""
        return self.end - self.base - len(self.open)


def encode_commit_map(commit_map: CommitMap) -> str:
    """The metadata of a commit at `commit_map.base`: empty when nothing beyond it is finished.

    Never longer than 4,096 characters: what would not fit is left out from the far end, which only means that those
    records are looked up in the ledger again.
    """
    if not commit_map.finished_count:
        return ""
    kept, end = commit_map.open, commit_map.end
    while len(encoded := _encode(commit_map.base, end, kept)) > _MAX_BYTES:
        shorter = len(kept) * 3 // 4
        kept, end = kept[:shorter], kept[shorter]
    return base64.urlsafe_b64encode(encoded).rstrip(b"=").decode("ascii")


def encoded_bytes(commit_map: CommitMap) -> int:
    """How long the whole map is before base64, to be held against `fits`."""
    return len(_encode(commit_map.base, commit_map.end, commit_map.open))


def fits(size_bytes: int) -> bool:
    """Whether a map of so many bytes and one open record more still fits into a commit."""
    return size_bytes + 2 * _MAX_NUMBER_BYTES <= _MAX_BYTES


def decode_commit_map(text: str, *, base: int) -> CommitMap:
    """The map that was committed with `base`; an empty one when the text is empty or belongs to another offset.

    :raises UnknownCommitMap: when the text was not written by a release that this one can read.
    """
    nothing = CommitMap(base=base, end=base)
    if not text:
        return nothing
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnknownCommitMap(f"not base64: {text[:20]!r}") from error
    if raw[:1] != bytes([VERSION]):
        raise UnknownCommitMap(f"version {raw[:1].hex() or 'missing'}, this release reads {VERSION}")
    numbers = list(_numbers(raw[1:]))
    if len(numbers) < 2:  # noqa: PLR2004 - base and length
        raise UnknownCommitMap("it ends early")
    written_for, length, *runs = numbers
    if written_for != base:
        return nothing
    offset, opened = base - 1, []
    for run in runs:
        offset += run + 1
        opened.append(offset)
    if offset >= base + length:
        raise UnknownCommitMap("an open offset lies beyond its end")
    return CommitMap(base=base, end=base + length, open=tuple(opened))


def _encode(base: int, end: int, opened: tuple[int, ...]) -> bytes:
    encoded = bytearray([VERSION])
    encoded += _number(base)
    encoded += _number(end - base)
    before = base - 1
    for offset in opened:
        encoded += _number(offset - before - 1)
        before = offset
    return bytes(encoded)


def _number(value: int) -> bytes:
    """LEB128: seven bits a byte, the lowest first."""
    groups = bytearray()
    while value > _LAST_GROUP:
        groups.append(value & _LAST_GROUP | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _numbers(raw: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in raw:
        value |= (byte & _LAST_GROUP) << shift
        shift += 7
        if byte <= _LAST_GROUP:
            yield value
            value = shift = 0
    if shift:
        raise UnknownCommitMap("it ends in the middle of a number")
