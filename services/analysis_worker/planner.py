"""Pure: what planning looks things up in: store, probes, catalogue, profiles and the operator's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_worker.catalogue import Catalogue
    from analysis_worker.cutting.cutter import Cutter
    from analysis_worker.cutting.shrink import Speeds
    from analysis_worker.media.media_store import MediaStore
    from analysis_worker.media.probe import ProbePool
    from analysis_worker.profiles import Profiles


@dataclass(frozen=True, kw_only=True, slots=True)
class Planner:
    """What planning looks things up in."""

    store: MediaStore
    pool: ProbePool
    catalogue: Catalogue
    profiles: Profiles
    allowed: Mapping[str, Sequence[str]]
    url_hosts: frozenset[str]
    default_model: str
    region: str
    cutter: Cutter
    scratch_bytes: int
    """All that there is for pieces of long media."""
    reduce_model: str
    """The text model that makes one answer out of the segments'."""
    speeds: Speeds
