"""A simulator in; every call it was ever asked, by request, out.

The simulator remembers its latest 5,000 calls, so the book is written up while the drill runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from analysis_devstack.stack import Stack

_NAME = re.compile(r"Say ([A-Za-z0-9-]+)\.")
_LOOK_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """One call as the simulator counted it; tokens are None unless it said them to the end."""

    id: str
    request_id: str | None
    status: str
    http_status: int | None
    input_tokens: int | None
    output_tokens: int | None
    billed_input_tokens: int
    host: str

    @property
    def paid(self) -> bool:
        """It cost money: a refusal does not."""
        return self.http_status == httpx.codes.OK or self.status in {"running", "held", "cut"}


class CallBook:
    """All calls so far."""

    def __init__(self, url: str) -> None:
        self._url = url + "/simulator/calls"
        self.calls: dict[str, Called] = {}

    async def write_up(self) -> None:
        """Look once."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.get(self._url)
        for one in answer.json():
            self.calls[one["id"]] = _called(one)

    def of(self, request_id: str) -> list[Called]:
        """The calls of a request."""
        return [call for call in self.calls.values() if call.request_id == request_id]

    def by_request(self) -> dict[str, list[Called]]:
        """All calls by request."""
        found: dict[str, list[Called]] = {}
        for call in self.calls.values():
            found.setdefault(call.request_id or "?", []).append(call)
        return found

    def in_flight(self) -> int:
        """Calls that had not ended when the book was last written up."""
        return sum(call.status in {"running", "held"} for call in self.calls.values())


def _called(one: dict[str, Any]) -> Called:
    named = next((found[1] for text in one["texts"] if (found := _NAME.search(text))), None)
    usage = one["usage"] or {}
    return Called(
        id=one["id"],
        request_id=named,
        status=one["status"],
        http_status=one["http_status"],
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        billed_input_tokens=one["billed"]["input_tokens"],
        host=one["headers"].get("host", ""),
    )


@contextlib.asynccontextmanager
async def open_book(stack: Stack) -> AsyncIterator[CallBook]:
    """A book that writes itself up while the block runs."""
    book = CallBook(stack.simulator_url)

    async def keep() -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(httpx.HTTPError):
                await book.write_up()

    keeping = asyncio.create_task(keep())
    try:
        yield book
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
