"""Settings in; what long media stand on, as findings, out: the disk for their pieces and the model that joins answers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import AnalysisError, Stopped
from media_analysis.finding import Finding

if TYPE_CHECKING:
    from analysis_worker.settings import Settings

SCRATCH: Final = "scratch"
REDUCTION: Final = "long media"
_GIBIBYTE: Final = 1024**3


def scratch(settings: Settings) -> tuple[Finding, ...]:
    """Whether the disk for temporary files has what the worker may reserve on it."""
    folder = tempfile.gettempdir()
    free_bytes = shutil.disk_usage(folder).free
    return (judge_scratch(folder, free_bytes=free_bytes, wanted_bytes=settings.worker.scratch_bytes),)


def judge_scratch(folder: str, *, free_bytes: int, wanted_bytes: int) -> Finding:
    """Pure: what so much room means for pieces of long media."""
    seen = f"{free_bytes / _GIBIBYTE:.1f} GiB free in {folder}, {wanted_bytes / _GIBIBYTE:.1f} GiB may be reserved"
    if free_bytes >= wanted_bytes:
        return Finding(name=SCRATCH, ok=True, seen=seen)
    remedy = (
        "lower WORKER_SCRATCH_BYTES, or set TMPDIR to a larger volume: a piece that finds no room fails its request"
    )
    return Finding(name=SCRATCH, ok=False, seen=seen, remedy=remedy)


def reduction(settings: Settings) -> tuple[Finding, ...]:
    """Whether the model that makes one answer of the segments' is known, and has a price."""
    model, region = settings.model.reduce_name, settings.model.region
    try:
        catalogue = load_catalogue(Path(settings.model.catalogue_file) if settings.model.catalogue_file else None)
        card = catalogue.card(model)
    except (AnalysisError, Stopped) as error:
        remedy = "set MODEL_REDUCE_NAME to a model of the catalogue, or add its card in MODEL_CATALOGUE_FILE"
        return (Finding(name=REDUCTION, ok=False, seen=error.message, remedy=remedy),)
    if region in card.prices:
        return (Finding(name=REDUCTION, ok=True, seen=f"put together by {model}, priced in {region}"),)
    seen = f"put together by {model}, of which no price is known in {region}: the cost of long media is null then"
    remedy = f'add [models."{model}".prices.{region}] in MODEL_CATALOGUE_FILE, or with max_cost the request\'s own model does it'
    return (Finding(name=REDUCTION, ok=True, seen=seen, remedy=remedy),)
