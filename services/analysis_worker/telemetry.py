"""Pure: every span, attribute and metric name the worker emits, in one place, with unit and meaning.

Names follow the OpenTelemetry semantic conventions (conventions.md §3.1, §3.2) where there is one; ours start with
`media_analysis.`. No media, prompt or answer text is ever an attribute.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "media-analysis"

# Spans: `process {topic}` CONSUMER, one INTERNAL span per stage, `chat {model}` CLIENT, `send {topic}` PRODUCER.
PROCESS: Final = "process"
CHAT: Final = "chat"
SEND: Final = "send"

# Messaging (semantic conventions v1.44.0).
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_GROUP: Final = "messaging.consumer.group.name"
MESSAGING_PARTITION: Final = "messaging.destination.partition.id"
MESSAGING_OFFSET: Final = "messaging.kafka.offset"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"

# CloudEvents.
CLOUDEVENTS_ID: Final = "cloudevents.event_id"
CLOUDEVENTS_SOURCE: Final = "cloudevents.event_source"
CLOUDEVENTS_TYPE: Final = "cloudevents.event_type"

# Generative AI (semantic-conventions-genai; development).
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_FIRST_CHUNK_SECONDS: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
GEN_AI_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
GEN_AI_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

PROVIDER_DASHSCOPE: Final = "alibaba.dashscope"
"""No value of the convention's list fits; custom values are allowed (conventions.md §3.1)."""

# Ours.
REQUEST_ID: Final = "media_analysis.request_id"
TENANT: Final = "media_analysis.tenant"
COMPLETION_ID: Final = "media_analysis.completion_id"
OUTCOME: Final = "media_analysis.outcome"
ERROR_CODE: Final = "media_analysis.error_code"
RECALLED: Final = "media_analysis.recalled"
"""claimed, answered, busy or crashed."""
VIDEO_INPUT_TOKENS: Final = "media_analysis.usage.video.input_tokens"
"""The convention left video out on purpose."""
ATTEMPT: Final = "media_analysis.attempt"
PROFILE: Final = "media_analysis.profile"
COST_AMOUNT: Final = "media_analysis.cost.amount"
"""Decimal string; the convention has no name for money."""
COST_CURRENCY: Final = "media_analysis.cost.currency"
INPUT_TOKENS_ESTIMATED: Final = "media_analysis.estimate.input_tokens"
MEDIA_COUNT: Final = "media_analysis.media.count"
MEDIA_BYTES: Final = "media_analysis.media.size_bytes"
DEAD_LETTER_REASON: Final = "media_analysis.dead_letter.reason"
PUT_OFF_TOPIC: Final = "media_analysis.put_off.topic"
"""The retry topic that a copy of the request was sent to."""

# Metrics (Prometheus names; `_total` is added to counters by the library).
METRIC_COMPLETIONS: Final = "media_analysis_completions"
"""Completions by outcome and error code; 1."""
METRIC_DEAD_LETTERS: Final = "media_analysis_dead_letters"
"""Dead letters by reason; 1."""
METRIC_PUT_OFF: Final = "media_analysis_put_off"
"""Requests sent to a retry topic, by topic; 1."""
METRIC_UNREADABLE: Final = "media_analysis_ledger_unreadable"
"""Looks at an object of the ledger that cannot be read; its request waits; 1."""
METRIC_CALLS: Final = "media_analysis_calls"
"""Calls to models by model and outcome, refused and cut ones included; 1."""
METRIC_TOKENS: Final = "media_analysis_tokens"
"""Tokens by model, direction (input, output) and basis (reported, estimated)."""
METRIC_COST: Final = "media_analysis_cost"
"""Money by model and currency, as in the completions; for alerts, not for bills: it is a float."""
METRIC_ESTIMATE_RATIO: Final = "media_analysis_estimate_ratio"
"""Input tokens that the provider reported for each estimated one, by model, one observation a call; 1 is exact."""
METRIC_CALIBRATION: Final = "media_analysis_calibration_factor"
"""The same over all calls of this worker by model, the newest weighing most; to be seen, never applied; 1."""
METRIC_FIRST_TOKEN: Final = "media_analysis_first_token_seconds"  # noqa: S105 - no password
"""Time to the first token of the last call of a request; s."""
METRIC_TOTAL: Final = "media_analysis_total_seconds"
"""From acceptance to completion; s."""
METRIC_IN_FLIGHT: Final = "media_analysis_in_flight"
"""Requests that hold a slot now; of WORKER_MAX_IN_FLIGHT."""
METRIC_PARKED: Final = "media_analysis_parked"
"""Requests that wait for another worker's claim, without a slot."""
METRIC_OPEN_RECORDS: Final = "media_analysis_open_records"
"""Records of this worker's partitions that are not finished: the lag less what is finished beyond the prefix."""
METRIC_LAG: Final = "media_analysis_committed_lag"
"""Records of this worker's partitions beyond the committed offsets; what KEDA and the broker's tools see."""
METRIC_FLOODED: Final = "media_analysis_flooded_partitions"
"""Partitions of this worker that the flood guard stopped; 1."""
METRIC_OLDEST_OPEN: Final = "media_analysis_oldest_open_seconds"
"""Age of the oldest record that is in work, by its Kafka timestamp; 0 when none is; s."""
METRIC_TASKS: Final = "media_analysis_tasks"
"""Tasks of the worker's event loop; without load it comes back to what it was."""
