"""Pure: the end of a request in, the lines that tell a person about it out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from media_analysis.report import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_analysis.arrivals import DeadRecord
    from media_contracts import AnalysisCompleted


def completion_lines(done: AnalysisCompleted) -> Iterator[str]:
    """Yield the outcome, the result or the error, the warnings, and what it took."""
    yield f"{done.outcome}: {done.request_id}" + (" (partial)" if done.coverage == "partial" else "")
    if done.error is not None:
        again = "may be asked again with the next --rerun" if done.error.retryable else "asking again would not help"
        yield f"  {done.error.code} in {done.error.stage}: {done.error.message} ({again})"
    elif done.result_ref is not None:
        yield f"  the result lies at {done.result_ref.bucket}/{done.result_ref.key}"
    else:
        yield json.dumps(done.result, ensure_ascii=False, indent=2)
    for artifact in done.artifacts:
        yield f"  {artifact.role} ({figures.count(artifact.size_bytes)} bytes): {artifact.bucket}/{artifact.key}"
    for warning in done.warnings:
        yield f"  warning {warning.code}{f' at {warning.path}' if warning.path else ''}: {warning.message}"
    if done.usage.calls:
        yield f"  {_effort(done)}"


def dead_letter_lines(dead: DeadRecord) -> Iterator[str]:
    """Yield why a record was no request."""
    yield f"dead letter: {dead.reason}"
    yield f"  {dead.message} (the record: {dead.origin})"


def outcome_line(done: AnalysisCompleted) -> str:
    """Return a completion on one line."""
    what = done.error.code if done.error is not None else done.profile.name if done.profile else ""
    return "  ".join(
        part for part in (done.outcome, done.request_id, what, _effort(done) if done.usage.calls else "") if part
    )


def _effort(done: AnalysisCompleted) -> str:
    cost = f"{figures.amount(done.cost.decimal)} {done.cost.currency}" if done.cost else "no price"
    parts = (
        done.model or "",
        f"{figures.count(done.usage.input_tokens)} tokens in, {figures.count(done.usage.output_tokens)} out",
        cost,
        f"first token {figures.seconds(done.timings.first_token_seconds)}",
        f"total {figures.seconds(done.timings.total_seconds)}",
    )
    return ", ".join(part for part in parts if part)
