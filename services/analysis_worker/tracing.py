"""The OpenTelemetry SDK set up from its own environment variables; off when no endpoint is named."""

from __future__ import annotations

import os
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SERVICE = "analysis-worker"


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
