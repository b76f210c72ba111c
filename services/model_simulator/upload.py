"""A request's body on the socket in; its bytes out, never more than a budget of them in memory at once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from model_simulator.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive

    from model_simulator.rule_table import RuleTable

_UNKNOWN_BYTES = 16 * 2**20  # what a body without a length is taken to weigh


class Departed(Exception):
    """The client left while it was sending."""


class BodyBudget:
    """Lets bodies in as long as their sum fits; the rest wait on the socket, where they cost nothing."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._free = total_bytes
        self._turn = asyncio.Condition()

    @asynccontextmanager
    async def room(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait until `size_bytes` fit; a body beyond the whole budget waits until it is alone."""
        weight = min(size_bytes, self._total)
        async with self._turn:
            await self._turn.wait_for(lambda: self._free >= weight)
            self._free -= weight
        try:
            yield
        finally:
            async with self._turn:
                self._free += weight
                self._turn.notify_all()


def announced_bytes(headers: dict[str, str]) -> int:
    """What Content-Length says, or a guess where it is missing or no number."""
    length = headers.get("content-length", "")
    return int(length) if length.isdigit() else _UNKNOWN_BYTES


async def read_body(receive: Receive, rules: RuleTable) -> bytearray:
    """Every byte; raises `Refused` beyond the limit and `Departed` when the client leaves."""
    limit = rules.limit("body_max_bytes")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Departed
        body += message.get("body", b"")
        if len(body) > limit:
            raise refuse(rules, "body_too_large")
        if not message.get("more_body", False):
            return body
