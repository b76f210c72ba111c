"""A stack in; all that a drill needs around it out: workers, a publisher, an independent consumer, a book of calls."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.drills.accounting import Counters, count, count_starts
from tests.drills.call_book import CallBook, open_book
from tests.drills.ear import Ear, open_ear
from tests.drills.fleet import Fleet, open_fleet
from tests.drills.ledger_view import view_ledger
from tests.drills.patience import until_still
from tests.drills.requests import Publisher
from tests.drills.telling import tell
from tests.system.harness import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from analysis_devstack.stack import Stack


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One drill's surroundings."""

    stack: Stack
    fleet: Fleet
    ear: Ear
    book: CallBook
    publisher: Publisher
    simulator: Simulator

    @property
    def keeps_commit_metadata(self) -> bool:
        """Whether the broker gives back what commits carry: Apache Kafka does, the embedded one does not."""
        return "broker" not in self.stack.names

    async def until_heard(self, request_ids: Collection[str], *, stuck_seconds: float = 60.0) -> int:
        """Wait for a completion of each; give up once none came for `stuck_seconds` (the verdict says lost)."""
        wanted = set(request_ids)
        heard = await until_still(lambda: self.ear.heard_of(wanted), goal=len(wanted), stuck_seconds=stuck_seconds)
        for member in self.fleet.crashed:
            tell(f"  a worker ended by itself: {member.process.exit_code}\n{member.process._tail()}")
        return heard

    async def tally(self, request_ids: Collection[str]) -> Counters:
        """End the fleet and count everything."""
        crashed = len(self.fleet.crashed)
        await self.fleet.end()
        await self.book.write_up()
        view = await view_ledger(self.stack)
        return {
            **count(request_ids, ear=self.ear, book=self.book),
            **count_starts(view, self.fleet.members),
            "workers_started": len(self.fleet.members),
            "workers_that_crashed": crashed,
            "bad_exit_codes": sum(code not in {0, None} for code in self.fleet.exit_codes()),
        }


@contextlib.asynccontextmanager
async def open_scene(
    stack: Stack, *, group: str, options: Mapping[str, str | None] | None = None, keeps_data: bool = False
) -> AsyncIterator[Scene]:
    """Everything but the workers runs; `options` are theirs. `keeps_data`: of the completions that are heard."""
    with open_ear(stack, keeps=keeps_data) as ear:
        async with open_fleet(stack, group=group, options=options) as fleet, open_book(stack) as book:
            yield Scene(
                stack=stack,
                fleet=fleet,
                ear=ear,
                book=book,
                publisher=Publisher(stack),
                simulator=Simulator(stack),
            )
