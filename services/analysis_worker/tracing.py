"""The OpenTelemetry SDK set up from its own environment variables; off when no endpoint is named."""

from __future__ import annotations

import os
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "analysis-worker"
STOP_SECONDS: Final = 5


def start_tracing() -> TracerProvider:
    """Install the tracer provider; spans are exported by OTLP over HTTP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

    Without an endpoint traces are still continued: the completion carries the trace on.
    """
    attributes = {SERVICE_VERSION: version("media-analysis")}
    if "OTEL_SERVICE_NAME" not in os.environ:
        attributes[SERVICE_NAME] = SERVICE
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    return provider


def stop_tracing(shutdown: Callable[[], None], *, seconds: float = STOP_SECONDS) -> None:
    """Call the provider's `shutdown`, which sends the last spans, and wait so long at most.

    The SDK itself would wait 30 s for a collector that takes connections and says nothing (BatchProcessor.shutdown).
    """
    # A daemon: what it still waits for does not hold up the end of the process either.
    thread = threading.Thread(target=shutdown, name="stop-tracing", daemon=True)
    thread.start()
    thread.join(seconds)
