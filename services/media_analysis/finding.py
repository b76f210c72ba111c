"""Pure: one thing that a worker stands on, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at: what was seen, and for a fault what to do about it."""

    name: str
    ok: bool
    seen: str
    remedy: str = ""
