"""Chosen records in, one after the other; a row for each, put back in turns if that is wanted, and the last line out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from media_analysis.redrive_letters import Unusable
from media_analysis.redrive_show import Row, show, tell_faults
from media_analysis.redrive_topic import putting_back

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from analysis_worker.settings import KafkaSettings
    from media_contracts import KafkaRecord

DONE, LEFT_SOME = 0, 1
AT_ONCE: Final = 64
"""A record that is on its way back is held in memory."""


class Run:
    """Collects what was chosen; without `put_back` it is a dry run. `limit` is the most that are chosen."""

    def __init__(self, *, put_back: Callable[[KafkaRecord], Awaitable[str]] | None, limit: int | None) -> None:
        self._put_back = put_back
        self._limit = limit
        self._waiting: list[tuple[dict[str, Any], Callable[[], Awaitable[KafkaRecord]]]] = []
        self.rows: list[Row] = []
        self.faults: list[str] = []

    @property
    def full(self) -> bool:
        """Whether no more may be chosen."""
        return self._limit is not None and len(self.rows) + len(self._waiting) >= self._limit

    @property
    def done(self) -> int:
        """How many were put back."""
        return sum(bool(row.put_back) for row in self.rows)

    async def add(self, facts: dict[str, Any], build: Callable[[], Awaitable[KafkaRecord]]) -> None:
        """Choose a record; `build` gives it and may raise Unusable."""
        if self._put_back is None:
            self.rows.append(Row(facts=facts))
            return
        self._waiting.append((facts, build))
        if len(self._waiting) >= AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        """Put back what waits."""
        waiting, self._waiting = self._waiting, []
        faults = await asyncio.gather(*(self._sent(build) for _, build in waiting))
        for (facts, _), fault in zip(waiting, faults, strict=True):
            self.rows.append(Row(facts=facts, put_back=not fault, fault=fault))
            if fault:
                self.faults.append(f"{' '.join(map(str, facts.values()))}: {fault}")

    async def _sent(self, build: Callable[[], Awaitable[KafkaRecord]]) -> str:
        try:
            record = await build()
        except Unusable as error:
            return str(error)
        return await self._put_back(record) if self._put_back else ""

    def end(self, counts: Counter[str], *, what: str, done: str, columns: Sequence[str], as_json: bool) -> int:
        """Print everything; returns the exit code. `what` is the noun, `done` the participle."""
        show(self.rows, columns=columns, as_json=as_json)
        tell_faults(self.faults)
        parts = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
        noun = what if len(self.rows) == 1 else f"{what}s"
        if not self.rows:
            line = f"no {what} is chosen"
        elif self._put_back is None:
            line = f"{len(self.rows):,} {noun} would be {done} ({parts}); nothing was published: add --yes"
        else:
            line = f"{self.done:,} of {len(self.rows):,} {noun} {done} ({parts})"
        click.echo(line, err=as_json)
        return LEFT_SOME if self.faults else DONE


@asynccontextmanager
async def running(
    settings: KafkaSettings, *, into: Iterable[str], publish: bool, limit: int | None
) -> AsyncIterator[Run]:
    """Give a run that may publish into these topics; what it was given is put back when the block ends."""
    if not publish:
        yield Run(put_back=None, limit=limit)
        return
    async with putting_back(settings, into) as put_back:
        run = Run(put_back=put_back, limit=limit)
        try:
            yield run
            await run.flush()
        except BaseException:
            click.echo(f"cut off: {run.done:,} records were put back before", err=True)
            raise
