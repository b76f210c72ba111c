"""A file of completions in, one JSON object a line; what the provider counted for each estimated token, by model, out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from analysis_worker.calibration import Calibration, comparisons
from media_contracts import AnalysisCompleted

if TYPE_CHECKING:
    from pathlib import Path


def read_calibrations(path: Path) -> dict[str, Calibration]:
    """By model; lines of `watch --json`, `submit --json` and `analyze --json` alike, others are passed over.

    Raises `click.ClickException` when the file holds no completion at all.
    """
    found: dict[str, Calibration] = {}
    completions = 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            completion = _completion(line)
            if completion is None:
                continue
            completions += 1
            for call in comparisons(completion):
                found[call.model] = found.get(call.model, Calibration()).with_call(
                    estimated_tokens=call.estimated_tokens, actual_tokens=call.actual_tokens
                )
    if not completions:
        raise click.ClickException(f"{path} has no completion; write one a line, as `media-analysis watch --json` does")
    return found


def _completion(line: str) -> AnalysisCompleted | None:
    try:
        document: Any = json.loads(line)
        data = document.get("data", document) if isinstance(document, dict) else None
        return AnalysisCompleted.model_validate_json(json.dumps(data)) if isinstance(data, dict) else None
    except (ValueError, ValidationError):
        return None
