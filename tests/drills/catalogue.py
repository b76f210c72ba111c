"""Every drill by name: its program, its verdict, its sizes, and the stack it wants."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from types import ModuleType

    from analysis_devstack.stack import Stack
    from analysis_devstack.topics import TopicSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Drill:
    """One line of the table: `drill(stack, size=…, seed=…)` counts, `verdict(counters)` says what does not hold."""

    name: str
    drill: Callable[..., Awaitable[dict[str, Any]]]
    verdict: Callable[[Mapping[str, Any]], list[str]]
    sizes: Mapping[str, Mapping[str, int]]
    topics: Sequence[TopicSpec] | None = None

    def size(self, name: str, *, stack: str) -> Mapping[str, int]:
        """The size of that name on that kind of stack."""
        return self.sizes.get(f"{name}_{stack}", self.sizes[name])


def _of(module: ModuleType) -> Drill:
    topics = getattr(module, "topics", None)
    return Drill(
        name=module.__name__.rpartition(".")[2],
        drill=module.drill,
        verdict=module.verdict,
        sizes=module.SIZES,
        topics=topics() if topics else None,
    )


NAMES = (
    "chaos",
    "io_points",
    "two_partitions",
    "long_analyses",
    "held_head",
    "poll_interval",
    "crash_loop",
    "retry_kill",
    "too_large",
    "outages",
    "probes",
    "flood",
    "scratch",
    "long_media",
    "soak",
)
DRILLS: Mapping[str, Drill] = {
    name: _of(import_module(f"tests.drills.{name}"))
    for name in NAMES
    if Path(__file__).with_name(f"{name}.py").exists()
}


@contextlib.asynccontextmanager
async def stack_for(drill: Drill, folder: Path, *, kind: str) -> AsyncIterator[Stack]:
    """A stack of this drill's own, so that no other's records are in its topics."""
    if kind == "embedded":
        from analysis_devstack.stack import start_stack  # noqa: PLC0415 — the real one needs no embedded servers

        async with start_stack(folder, topics=drill.topics) as stack:
            yield stack
    else:
        from tests.real.stack import start_real_stack  # noqa: PLC0415 — needs Java and the jars

        async with start_real_stack(folder, topics=drill.topics) as stack:
            yield stack
