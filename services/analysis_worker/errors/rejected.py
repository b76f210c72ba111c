"""Pure: what is completed as *rejected*: nothing was asked and nothing is owed."""

from __future__ import annotations

from analysis_worker.errors.base import AnalysisError


class Rejected(AnalysisError):
    """Complete as *rejected*: nothing was asked and nothing is owed."""


class RequestExpired(Rejected):
    """The deadline or `expirytime` passed before the first call."""

    code = "deadline_exceeded"


class MediaForbidden(Rejected):
    """The tenant may not read that bucket, prefix or host (`S3_ALLOWED`)."""

    code = "media_forbidden"


class MediaMissing(Rejected):
    """The object or version does not exist."""

    code = "media_missing"


class MediaEmpty(Rejected):
    """The object has no bytes."""

    code = "media_empty"


class MediaUndecodable(Rejected):
    """The bytes are no picture, sound or film that can be read, or killed the child that tried."""

    code = "media_undecodable"


class MediaTypeMismatch(Rejected):
    """The bytes are of another kind than the request says."""

    code = "media_type_mismatch"


class MediaTooLarge(Rejected):
    """More bytes than the model card allows for this kind and delivery."""

    code = "media_too_large"


class MediaTooMany(Rejected):
    """More files or frames of a kind than the model card allows."""

    code = "media_too_many"


class MediaDimensions(Rejected):
    """Sides or ratio outside the model card."""

    code = "media_dimensions"


class MediaDuration(Rejected):
    """Shorter or longer than the model card allows."""

    code = "media_duration"


class ClipInvalid(Rejected):
    """A clip that lies outside its medium."""

    code = "clip_invalid"


class MediaKindUnsupported(Rejected):
    """The model, or this release, takes no media of this kind."""

    code = "media_kind_unsupported"


class MediaMixUnsupported(Rejected):
    """The model takes these kinds one at a time and this request cannot be spread."""

    code = "media_mix_unsupported"


class ProfileUnknown(Rejected):
    """No profile of that name is installed."""

    code = "profile_unknown"


class ProfileNotSpoken(Rejected):
    """A spoken answer is wanted of a profile that names no text for it."""

    code = "profile_not_spoken"


class ModelUnknown(Rejected):
    """No card of that name is in the catalogue."""

    code = "model_unknown"


class SchemaInvalid(Rejected):
    """The output schema is no JSON Schema, too large, too deep, or refers elsewhere."""

    code = "schema_invalid"


class FeatureUnsupported(Rejected):
    """The model, or this release, lacks what the request asks for."""

    code = "feature_unsupported"


class ParameterInvalid(Rejected):
    """A model parameter is outside the card's range."""

    code = "parameter_invalid"


class InputTooLong(Rejected):
    """The estimate passes the model's context or `limits.max_input_tokens`."""

    code = "input_too_long"


class ScratchTooSmall(Rejected):
    """A piece of it needs more scratch space than `WORKER_SCRATCH_BYTES` in all."""

    code = "scratch_too_small"


class BudgetExceeded(Rejected):
    """The plan may cost more than what is left of `limits.max_cost`."""

    code = "budget_exceeded"


class CurrencyMismatch(Rejected):
    """The model is priced in another currency than `limits.max_cost`, or has no price."""

    code = "currency_mismatch"
