"""Pure: what the store's statuses and headers mean, and a body cut into slices to be sent."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

SLICE_BYTES: Final = 256 * 1024


async def in_slices(body: bytes | Iterable[bytes]) -> AsyncIterator[bytes]:
    """The body in slices, because aiohttp warns of one large piece; what comes in pieces goes on in those."""
    if not isinstance(body, bytes):
        for piece in body:
            yield piece
        return
    for start in range(0, len(body), SLICE_BYTES):
        yield body[start : start + SLICE_BYTES]


def condition_failed(status: int, *, if_none_match: bool, if_match: str | None) -> bool:
    """Whether a PUT was refused for its condition; without one such a status says only that the store is in trouble."""
    match status:
        case 412 | 409:  # AWS answers 409, ConditionalRequestConflict, when two conditional writes race
            return if_none_match or if_match is not None
        case 404:
            return if_match is not None
        case _:
            return False


def age_seconds(headers: Mapping[str, str]) -> float:
    """Seconds since the object was written, by the store's own clock."""
    now = _instant(headers.get("date")) or datetime.now(UTC)
    written = _instant(headers.get("last-modified")) or now
    return (now - written).total_seconds()


def _instant(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
