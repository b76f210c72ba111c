"""Pure: the best-effort event with what is known so far, `media.analysis.progress.v1`."""

from typing import Annotated, Any

from pydantic import Field

from media_contracts.completed import RequestRef
from media_contracts.values import Count, Labels, RequestId, Tenant, Value


class AnalysisProgress(Value):
    """Fields of the answer that are complete and valid already: the data of `media.analysis.progress.v1`."""

    request_id: RequestId
    tenant: Tenant
    labels: Labels = Field(default_factory=dict)
    request: RequestRef
    attempt: Annotated[int, Field(ge=1)]
    """A higher attempt starts afresh: forget what a lower one said of the same segment, or of the whole."""
    sequence: Annotated[int, Field(ge=1)]
    """From 1 within an attempt."""
    stage: Annotated[str, Field(examples=["fetch", "ask", "validate"])]
    fields: Annotated[dict[str, Any], Field(examples=[{"/scene_description": "A street at night."}])] = Field(
        default_factory=dict
    )
    """JSON Pointer into the answer → value: all that is known so far under this attempt, so the latest event is enough.

    A list is told by its items (`/cues/3`), never as a whole.
    """
    segment: Count | None = None
    """Which segment of a long medium the answer is about, with times of the whole; null: the whole medium."""
