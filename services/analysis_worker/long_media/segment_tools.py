"""Pure: what asking in segments needs beside the line: a cutter, scratch space, turns, and the places of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from analysis_worker.cutting.scratch import ScratchSpace
    from analysis_worker.object_store import ObjectStore
    from analysis_worker.planner import Planner


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentTools:
    """One value for the whole worker."""

    planner: Planner
    space: ScratchSpace
    folder: Path
    """Where the pieces lie; on the disk that `space` is about."""
    turns: asyncio.Semaphore
    """One for each segment that is cut and asked at a time, of all requests."""
    at_once: int = 4
    """As many of them one request may have, so that others get on as well."""
    store: ObjectStore | None = None
    """Where plans, ended segments and scratch objects are kept; None: nowhere (`media-analysis analyze`)."""
    bucket: str = ""
    """The results bucket."""
