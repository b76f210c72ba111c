"""A call's parameters in, its CLIENT span out, `chat {model}` with the gen_ai attributes (conventions.md §3.1)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from analysis_worker import telemetry as names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.util.types import AttributeValue

    from analysis_worker.errors import AnalysisError
    from analysis_worker.ledger_format import OpenAttempt
    from analysis_worker.provider.model_api import ModelApi
    from analysis_worker.provider.request_body import CallParameters
    from analysis_worker.provider.stream import Answer
    from media_contracts import Attempt


@contextmanager
def chat_span(parameters: CallParameters, *, api: ModelApi, opened: OpenAttempt) -> Iterator[Span]:
    """The span of one attempt; what sampling may look at is set at its start."""
    attributes: dict[str, AttributeValue] = {
        names.GEN_AI_OPERATION: names.CHAT,
        names.GEN_AI_PROVIDER: names.PROVIDER_DASHSCOPE,
        names.GEN_AI_REQUEST_MODEL: parameters.model,
        names.GEN_AI_REQUEST_STREAM: True,
        names.SERVER_ADDRESS: api.server_address,
        names.SERVER_PORT: api.server_port,
        names.ATTEMPT: opened.number,
        names.ATTEMPT_KIND: opened.kind,
    }
    if parameters.json_mode or parameters.json_schema is not None:
        attributes[names.GEN_AI_OUTPUT_TYPE] = "json"
    optional = {
        names.ATTEMPT_REASON: opened.reason,
        names.GEN_AI_REQUEST_MAX_TOKENS: parameters.max_tokens,
        names.GEN_AI_REQUEST_TEMPERATURE: parameters.temperature,
        names.GEN_AI_REQUEST_SEED: parameters.seed,
    }
    attributes.update({name: value for name, value in optional.items() if value is not None})
    tracer = trace.get_tracer(names.SCOPE)
    with tracer.start_as_current_span(
        f"{names.CHAT} {parameters.model}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def describe_call(span: Span, *, attempt: Attempt, answer: Answer | None, fault: AnalysisError | None) -> None:
    """Write down how the call ended; a modality only where the provider reported it."""
    usage = attempt.usage
    found: dict[str, AttributeValue | None] = {
        names.GEN_AI_INPUT_TOKENS: usage.input_tokens,
        names.GEN_AI_OUTPUT_TOKENS: usage.output_tokens,
        names.GEN_AI_CACHED_TOKENS: usage.cached_input_tokens,
        names.GEN_AI_REASONING_TOKENS: usage.output.reasoning,
        names.GEN_AI_TEXT_INPUT_TOKENS: usage.input.text,
        names.GEN_AI_IMAGE_INPUT_TOKENS: usage.input.image,
        names.GEN_AI_AUDIO_INPUT_TOKENS: usage.input.audio,
        names.VIDEO_INPUT_TOKENS: usage.input.video,
        names.COST_AMOUNT: attempt.cost.amount if attempt.cost else None,
        names.COST_CURRENCY: attempt.cost.currency if attempt.cost else None,
    }
    if answer is not None:
        found |= {
            names.GEN_AI_RESPONSE_ID: answer.response_id,
            names.GEN_AI_RESPONSE_MODEL: answer.model,
            names.GEN_AI_FIRST_CHUNK_SECONDS: answer.first_token_seconds,
        }
        if answer.finish_reason is not None:
            span.set_attribute(names.GEN_AI_FINISH_REASONS, [answer.finish_reason])
    for name, value in found.items():
        if value is not None:
            span.set_attribute(name, value)
    if fault is not None:
        span.set_attribute(names.ERROR_TYPE, fault.code)
        span.set_status(Status(StatusCode.ERROR, fault.code))
