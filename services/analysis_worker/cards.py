"""Pure: the values of the catalogue, one `ModelCard` per model; what a model takes, costs and refuses.

Every number comes from `models.toml`, where its source stands beside it; nothing here knows a model by name.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003  (pydantic reads it)
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from analysis_worker import errors

Kind = Literal["image", "audio", "video", "frames"]
Modality = Literal["image", "audio", "video"]
Tariff = Literal["live", "batch"]
Thinking = Literal["none", "off_by_default", "on_by_default"]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]


def modality_of(kind: Kind) -> Modality:
    """What the model sees in a kind of media: a list of frames is a film without sound."""
    return "video" if kind == "frames" else kind


class CardPart(BaseModel):
    """The base of every part: frozen, and an unknown key is a fault, because a typing error would lift a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class ContextLimits(CardPart):
    """Tokens of one call: the whole window, the input's share and the answer's."""

    context_tokens: Count
    max_input_tokens: Count | None = None
    """Null where the provider publishes none; then the window less the answer bounds the input."""
    max_input_tokens_thinking: Count | None = None
    max_output_tokens: Count


class MediaLimits(CardPart):
    """What one request may carry of one kind; null is a limit that nobody published."""

    count_by_url: Count | None = None
    count_inline: Count | None = None
    bytes_by_url: Count | None = None
    bytes_inline: Count | None = None
    """Of the whole data URI, prefix included, base64 counted; the URI must stay *below* it."""
    seconds_min: float | None = None
    seconds_max: float | None = None
    frames_min: Count | None = None
    frames_max: Count | None = None
    side_above_pixels: Count | None = None
    """Both sides must be *greater* than this."""
    ratio_max: float | None = None


class MediaTable(CardPart):
    """The limits by kind; a null kind is one that the model does not take."""

    image: MediaLimits | None = None
    audio: MediaLimits | None = None
    video: MediaLimits | None = None
    frames: MediaLimits | None = None


class TokenRule(CardPart):
    """The family's constants for counting media, as in its published scripts; areas are counted in tokens."""

    patch_pixels: Count
    marker_tokens: Count
    image_tokens_min: Count
    image_tokens_max: Count
    image_tokens_max_high_resolution: Count | None = None
    audio_in_tokens_per_second: Decimal
    audio_out_tokens_per_second: Decimal | None = None
    frame_tokens_min: Count
    frame_tokens_max: Count
    frame_pixels_limit: Count | None = None
    """The largest `max_pixels` per frame that a request may ask for."""
    video_tokens_max: Count
    sampled_frames_min: Count
    sampled_frames_max: Count
    sampling_fps: float
    temporal_merge_frames: Count
    ratio_max: float
    speech_prompt_tokens: Count = 0
    """A hidden prompt that the provider adds when speech is asked for."""


class Capabilities(CardPart):
    """What the model can do at all."""

    mixes_modalities: bool
    spreads_modalities: bool = False
    """Whether a request may bring several kinds of media, each in a user message of its own."""
    json_mode: bool
    json_schema: bool = False
    """Takes the schema itself in `response_format`; then it is left out of the prompt."""
    thinking: Thinking
    thinking_switch: Literal["enable_thinking", "reasoning_effort"] | None = None
    reasoning_efforts: tuple[str, ...] = ()
    search: bool
    speech: bool
    speech_while_thinking: bool = False
    voices: tuple[str, ...] = ()
    """Empty: the list is not published, any name is passed on."""
    default_voice: str | None = None
    system_message_with_speech: bool
    pixel_parameters: bool
    high_resolution: bool = False
    multichannel_audio: bool = False
    stream_forced: bool
    batch: bool = False
    continues_prefix: bool = False
    """Goes on from an assistant message at the end; not documented for any Omni model (provider.md §2d)."""
    discontinued: bool = False


class ParameterRange(CardPart):
    """A number the request may set, its bounds, and what the provider takes when it is left out."""

    minimum: float | None = None
    maximum: float | None = None
    includes_minimum: bool = True
    includes_maximum: bool = True
    default: float | None = None
    default_thinking: float | None = None

    def allows(self, value: float) -> bool:
        """Whether `value` lies within the bounds, each open or closed as the provider says."""
        low, high = self.minimum, self.maximum
        above = low is None or value > low or (self.includes_minimum and value == low)
        below = high is None or value < high or (self.includes_maximum and value == high)
        return above and below


class Parameters(CardPart):
    """The sampling parameters by name; a name that is missing is one the model does not take."""

    temperature: ParameterRange | None = None
    top_p: ParameterRange | None = None
    top_k: ParameterRange | None = None
    presence_penalty: ParameterRange | None = None
    repetition_penalty: ParameterRange | None = None
    seed: ParameterRange | None = None
    fps: ParameterRange | None = None
    thinking_budget: ParameterRange | None = None
    """In tokens; missing where a model takes no such number, whether it thinks or not."""
    image_min_pixels: ParameterRange | None = None
    image_max_pixels: ParameterRange | None = None
    frame_min_pixels: ParameterRange | None = None
    frame_max_pixels: ParameterRange | None = None
    total_pixels: ParameterRange | None = None
    """Of all the frames that are sampled from one film."""


class Prices(CardPart):
    """What a million tokens cost; null is unknown, and unknown is never free."""

    input_text: Price | None = None
    input_image: Price | None = None
    input_video: Price | None = None
    input_audio: Price | None = None
    cached_input: Price | None = None
    """Null: cached tokens cost what other input costs."""
    output_text_after_text: Price | None = None
    """Text out when the input was text alone."""
    output_text_after_media: Price | None = None
    output_audio: Price | None = None
    search_call: Price | None = None
    """Of one search, not of a million."""
    batch_factor: Price | None = None
    """Null: the Batch tariff is not offered."""


class PriceChange(Prices):
    """What is different from a day on; a price that is not named stays."""

    name: str


class PriceList(Prices):
    """The prices of one region, and the changes to them that are known, by the day (UTC) on which they begin."""

    name: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    changes: dict[date, PriceChange] = {}

    def on(self, day: date) -> PriceList:
        """The list as it stands on that day."""
        now = self
        for start in sorted(start for start in self.changes if start <= day):
            change = self.changes[start]
            now = now.model_copy(update={name: getattr(change, name) for name in change.model_fields_set})
        return now


class ModelCard(CardPart):
    """Everything the worker knows about one model, keyed by the provider's own id."""

    name: str
    aliases: tuple[str, ...] = ()
    context: ContextLimits
    media: MediaTable = MediaTable()
    tokens: TokenRule | None = None
    """Null for a model that takes no media."""
    capabilities: Capabilities
    parameters: Parameters = Parameters()
    prices: dict[str, PriceList] = {}

    def media_limits(self, kind: Kind) -> MediaLimits:
        """The limits of a kind; raises `MediaKindUnsupported` where the model takes none."""
        limits: MediaLimits | None = getattr(self.media, kind)
        if limits is None:
            raise errors.MediaKindUnsupported(f"{self.name} takes no {kind}; choose an Omni model")
        return limits

    def token_rule(self) -> TokenRule:
        """The constants for counting media; raises `MediaKindUnsupported` for a model of text alone."""
        if self.tokens is None:
            raise errors.MediaKindUnsupported(f"{self.name} takes no media; choose an Omni model")
        return self.tokens
