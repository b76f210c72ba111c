"""Pure: everything that can go wrong, one leaf per cause; the leaf fixes what happens next.

AnalysisError
├── Rejected            completion `rejected`: no model call was made for it
│   ├── RequestExpired MediaForbidden MediaMissing MediaEmpty MediaUndecodable MediaTypeMismatch
│   ├── MediaTooLarge MediaTooMany MediaDimensions MediaDuration ClipInvalid MediaKindUnsupported MediaMixUnsupported
│   └── ProfileUnknown ProfileNotSpoken ModelUnknown SchemaInvalid FeatureUnsupported ParameterInvalid
│       InputTooLong ScratchTooSmall BudgetExceeded CurrencyMismatch
├── Failed              completion `failed`: asked, or worth no further call
│   ├── DeadlineExceeded WorkerCrashed InternalError MediaChanged ReductionFailed
│   ├── ProviderUnauthorized ProviderBilling (ModelQuotaUsed) ProviderRefused (ModelMissing) ContentFiltered
│   └── AnswerTruncated AnswerNotJson AnswerWrongShape AnswerEmpty
├── Retryable           the same call may succeed later; completes as `failed` under its code when tries run out
│   ├── ProviderThrottled ProviderDown ProviderUnavailable ProviderUnreachable MediaFetchFailed
│   ├── FirstTokenTimeout StreamStalled StreamCut CallTimeout CallCancelled
│   └── StoreUnavailable BrokerUnavailable ProbeUnavailable
├── PlanAnew            nothing is completed yet: another model is asked, or less media at a time
├── PutOff              nothing is completed yet: a copy goes to a retry topic
├── LedgerUnreadable    what the ledger holds about a request cannot be read: the record waits, nothing is asked
├── DeadLettered        the record is no valid request: dead-letter topic with `reason`
└── Stopped             the worker cannot keep its promises here and stops with a remedy
    └── RecordTooLarge
"""

from __future__ import annotations

from analysis_worker.errors.base import (
    AnalysisError,
    DeadLettered,
    LedgerUnreadable,
    PlanAnew,
    PutOff,
    RecordTooLarge,
    Stopped,
)
from analysis_worker.errors.failed import (
    AnswerEmpty,
    AnswerNotJson,
    AnswerTruncated,
    AnswerWrongShape,
    ContentFiltered,
    DeadlineExceeded,
    Failed,
    InternalError,
    MediaChanged,
    ModelMissing,
    ModelQuotaUsed,
    ProviderBilling,
    ProviderRefused,
    ProviderUnauthorized,
    ReductionFailed,
    WorkerCrashed,
)
from analysis_worker.errors.rejected import (
    BudgetExceeded,
    ClipInvalid,
    CurrencyMismatch,
    FeatureUnsupported,
    InputTooLong,
    MediaDimensions,
    MediaDuration,
    MediaEmpty,
    MediaForbidden,
    MediaKindUnsupported,
    MediaMissing,
    MediaMixUnsupported,
    MediaTooLarge,
    MediaTooMany,
    MediaTypeMismatch,
    MediaUndecodable,
    ModelUnknown,
    ParameterInvalid,
    ProfileNotSpoken,
    ProfileUnknown,
    Rejected,
    RequestExpired,
    SchemaInvalid,
    ScratchTooSmall,
)
from analysis_worker.errors.retryable import (
    BrokerUnavailable,
    CallCancelled,
    CallTimeout,
    FirstTokenTimeout,
    MediaFetchFailed,
    ProbeUnavailable,
    ProviderDown,
    ProviderThrottled,
    ProviderUnavailable,
    ProviderUnreachable,
    Retryable,
    StoreUnavailable,
    StreamCut,
    StreamStalled,
)

__all__ = [
    "AnalysisError",
    "AnswerEmpty",
    "AnswerNotJson",
    "AnswerTruncated",
    "AnswerWrongShape",
    "BrokerUnavailable",
    "BudgetExceeded",
    "CallCancelled",
    "CallTimeout",
    "ClipInvalid",
    "ContentFiltered",
    "CurrencyMismatch",
    "DeadLettered",
    "DeadlineExceeded",
    "Failed",
    "FeatureUnsupported",
    "FirstTokenTimeout",
    "InputTooLong",
    "InternalError",
    "LedgerUnreadable",
    "MediaChanged",
    "MediaDimensions",
    "MediaDuration",
    "MediaEmpty",
    "MediaFetchFailed",
    "MediaForbidden",
    "MediaKindUnsupported",
    "MediaMissing",
    "MediaMixUnsupported",
    "MediaTooLarge",
    "MediaTooMany",
    "MediaTypeMismatch",
    "MediaUndecodable",
    "ModelMissing",
    "ModelQuotaUsed",
    "ModelUnknown",
    "ParameterInvalid",
    "PlanAnew",
    "ProbeUnavailable",
    "ProfileNotSpoken",
    "ProfileUnknown",
    "ProviderBilling",
    "ProviderDown",
    "ProviderRefused",
    "ProviderThrottled",
    "ProviderUnauthorized",
    "ProviderUnavailable",
    "ProviderUnreachable",
    "PutOff",
    "RecordTooLarge",
    "ReductionFailed",
    "Rejected",
    "RequestExpired",
    "Retryable",
    "SchemaInvalid",
    "ScratchTooSmall",
    "Stopped",
    "StoreUnavailable",
    "StreamCut",
    "StreamStalled",
    "WorkerCrashed",
]
