"""Pure: the events of media analysis, for those who write them and those who read them; start at README.md."""

from media_contracts.completed import (
    AnalysisCompleted,
    Artifact,
    Attempt,
    Cost,
    ErrorInfo,
    Estimate,
    MediaInfo,
    ProfileRef,
    RequestRef,
    ResultRef,
    SegmentInfo,
    Timings,
    WarningInfo,
    WorkerInfo,
)
from media_contracts.decode import (
    CompletedEvent,
    Event,
    ProgressEvent,
    RequestedEvent,
    decode_completed,
    decode_progress,
    decode_requested,
)
from media_contracts.encode import encode_completed, encode_event
from media_contracts.identity import Identity
from media_contracts.instants import Instant, format_instant, parse_instant
from media_contracts.money import Money
from media_contracts.progress import AnalysisProgress
from media_contracts.records import ContractError, Fault, Headers, KafkaRecord, Reason
from media_contracts.references import (
    Reference,
    ReferenceCheck,
    ReferenceMismatch,
    find_artifact,
    read_reference,
    read_result,
)
from media_contracts.requested import AnalysisRequested, Clip, Limits, MediaItem, ModelChoice, Reasoning, Speech, Turn
from media_contracts.topics import TopicCard, load_topic_cards
from media_contracts.usage import EstimatedUsage, InputUsage, OutputUsage, Usage

__all__ = [
    "AnalysisCompleted",
    "AnalysisProgress",
    "AnalysisRequested",
    "Artifact",
    "Attempt",
    "Clip",
    "CompletedEvent",
    "ContractError",
    "Cost",
    "ErrorInfo",
    "Estimate",
    "EstimatedUsage",
    "Event",
    "Fault",
    "Headers",
    "Identity",
    "InputUsage",
    "Instant",
    "KafkaRecord",
    "Limits",
    "MediaInfo",
    "MediaItem",
    "ModelChoice",
    "Money",
    "OutputUsage",
    "ProfileRef",
    "ProgressEvent",
    "Reason",
    "Reasoning",
    "Reference",
    "ReferenceCheck",
    "ReferenceMismatch",
    "RequestRef",
    "RequestedEvent",
    "ResultRef",
    "SegmentInfo",
    "Speech",
    "Timings",
    "TopicCard",
    "Turn",
    "Usage",
    "WarningInfo",
    "WorkerInfo",
    "decode_completed",
    "decode_progress",
    "decode_requested",
    "encode_completed",
    "encode_event",
    "find_artifact",
    "format_instant",
    "load_topic_cards",
    "parse_instant",
    "read_reference",
    "read_result",
]
