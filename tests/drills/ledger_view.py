"""A stack's results bucket in; the claims that lie in its ledger, read from outside, out."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tests.system.harness import Bucket

if TYPE_CHECKING:
    from analysis_devstack.stack import Stack

_KEY = re.compile(r"ledger/[^/]+/([0-9a-f]{64})/(claim-(\d+)|answer)\.json$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One claim: which process took it (the owner's name holds the pid), when, and whether it was given up."""

    number: int
    pid: int
    started_at: datetime
    released: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerView:
    """Claims by completion id, only of those that were claimed more than once; `answers` are all completion ids."""

    claims: int
    answers: frozenset[str]
    repeated: dict[str, tuple[Taken, ...]]


async def view_ledger(stack: Stack) -> LedgerView:
    """Look at the whole ledger."""
    return await asyncio.to_thread(_view, Bucket(stack))


def _view(bucket: Bucket) -> LedgerView:
    numbers: dict[str, list[int]] = {}
    prefixes: dict[str, str] = {}
    answers = set()
    for key in bucket.keys("ledger/"):
        if found := _KEY.search(key):
            prefixes[found[1]] = key.rpartition("/")[0]
            if found[3]:
                numbers.setdefault(found[1], []).append(int(found[3]))
            else:
                answers.add(found[1])
    repeated = {
        completion_id: tuple(_read(bucket, f"{prefixes[completion_id]}/claim-{n}.json", n) for n in sorted(claims))
        for completion_id, claims in numbers.items()
        if len(claims) > 1
    }
    return LedgerView(claims=sum(map(len, numbers.values())), answers=frozenset(answers), repeated=repeated)


def _read(bucket: Bucket, key: str, number: int) -> Taken:
    document = bucket.read_json(key)
    return Taken(
        number=number,
        pid=int(document["owner"].split("-")[-2]),
        started_at=datetime.fromisoformat(document["started_at"]),
        released=document["released"],
    )
