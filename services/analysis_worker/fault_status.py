"""What a block raises in, the status of its span out: the code or the class, never a message (it may quote an answer)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.trace import Span, Status, StatusCode

from analysis_worker import telemetry as names
from analysis_worker.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def names_fault(span: Span) -> Iterator[None]:
    """Let what the block raises pass and name it on the span; a cancellation is no fault."""
    try:
        yield
    except Exception as error:
        name = error.code if isinstance(error, AnalysisError) else type(error).__name__
        span.set_attribute(names.ERROR_TYPE, name)
        span.set_status(Status(StatusCode.ERROR, name))
        raise
