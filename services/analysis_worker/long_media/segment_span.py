"""A segment in, its span out: below the stage that asks, so that the calls about it hang under it (law 10)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace

from analysis_worker import telemetry as names
from analysis_worker.fault_status import names_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_worker.long_media.segments import Segment


@contextmanager
def segment_span(segment: Segment) -> Iterator[None]:
    """The time in which it is cut and asked; a fault is its status, with the code alone."""
    with (
        trace.get_tracer(names.SCOPE).start_as_current_span(
            names.SEGMENT_SPAN,
            attributes={names.SEGMENT: segment.index},
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        names_fault(span),
    ):
        yield
