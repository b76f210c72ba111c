"""Pure: texts and probed media in, the input tokens of the whole request by modality out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from analysis_worker import errors
from analysis_worker.tokens.audio import audio_tokens
from analysis_worker.tokens.images import image_tokens
from analysis_worker.tokens.text import conversation_tokens
from analysis_worker.tokens.video import frame_list_tokens, video_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analysis_worker.cards import Kind, MediaLimits, ModelCard, TokenRule
    from analysis_worker.media.probed import ProbedMedia

# A film whose container states no rate is counted as if it had this one; only the smallest sampling is sensitive to it.
ASSUMED_SOURCE_FPS = 25.0


@dataclass(frozen=True, kw_only=True, slots=True)
class InputTokens:
    """Input tokens by modality, as the provider reports them: a film's sound counts as audio."""

    text: int = 0
    image: int = 0
    video: int = 0
    audio: int = 0

    @property
    def total(self) -> int:
        """All modalities together."""
        return self.text + self.image + self.video + self.audio

    def __add__(self, other: InputTokens) -> InputTokens:
        """Modality by modality."""
        return InputTokens(
            text=self.text + other.text,
            image=self.image + other.image,
            video=self.video + other.video,
            audio=self.audio + other.audio,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelChoice:
    """The pixel options the request will carry, for images and for film frames; null leaves the family's default."""

    image_max_pixels: int | None = None
    image_min_pixels: int | None = None
    high_resolution: bool = False
    frame_max_pixels: int | None = None
    total_pixels: int | None = None


def input_tokens(
    *,
    card: ModelCard,
    texts: Iterable[str] = (),
    media: Sequence[ProbedMedia] = (),
    pixels: PixelChoice | None = None,
    speech: bool = False,
) -> InputTokens:
    """The estimate for one call; `texts` has one entry a message (system, history, question).

    Raises `MediaKindUnsupported` for a text model, `MediaDuration` and `MediaDimensions` as `video_tokens` does.
    """
    text = conversation_tokens(texts)
    if speech and card.tokens is not None:
        text += card.tokens.speech_prompt_tokens
    counted = InputTokens(text=text)
    for item in media:
        counted += _media_tokens(item, card.token_rule(), pixels or PixelChoice())
    return counted


def most_tokens(kind: Kind, *, card: ModelCard, pixels: PixelChoice | None = None) -> InputTokens:
    """The most that one medium of a kind can count, for media that nobody has looked at (yet).

    Raises `MediaKindUnsupported` for a text model.
    """
    rule, chosen = card.token_rule(), pixels or PixelChoice()
    match kind:
        case "image":
            area = max(rule.image_tokens_max, -(-(chosen.image_max_pixels or 0) // rule.patch_pixels**2))
            return InputTokens(image=area + rule.marker_tokens)
        case "audio":
            return InputTokens(audio=_most_audio(card.media.audio, rule))
        case "video":
            video = rule.video_tokens_max + rule.marker_tokens
            return InputTokens(video=video, audio=_most_audio(card.media.video, rule))
        case "frames":
            return InputTokens(video=rule.video_tokens_max + rule.marker_tokens)
        case _:
            assert_never(kind)


def _most_audio(limits: MediaLimits | None, rule: TokenRule) -> int:
    return audio_tokens(seconds=limits.seconds_max or 0, rule=rule) if limits else 0


def _media_tokens(item: ProbedMedia, rule: TokenRule, pixels: PixelChoice) -> InputTokens:
    match item.kind:
        case "image":
            width, height = _sides(item)
            return InputTokens(
                image=image_tokens(
                    width=width,
                    height=height,
                    rule=rule,
                    max_pixels=pixels.image_max_pixels,
                    min_pixels=pixels.image_min_pixels,
                    high_resolution=pixels.high_resolution,
                )
            )
        case "audio":
            return InputTokens(audio=audio_tokens(seconds=_seconds(item), rule=rule))
        case "video":
            return _film_tokens(item, rule, pixels)
        case "frames":
            width, height = _sides(item)
            return InputTokens(
                video=frame_list_tokens(
                    width=width,
                    height=height,
                    frames=item.frames or 1,
                    rule=rule,
                    max_pixels=pixels.frame_max_pixels,
                    total_pixels=pixels.total_pixels,
                )
            )
        case _:
            assert_never(item.kind)


def _film_tokens(item: ProbedMedia, rule: TokenRule, pixels: PixelChoice) -> InputTokens:
    width, height = _sides(item)
    seconds = _seconds(item)
    visual = video_tokens(
        width=width,
        height=height,
        seconds=seconds,
        source_fps=item.fps or ASSUMED_SOURCE_FPS,
        rule=rule,
        max_pixels=pixels.frame_max_pixels,
        total_pixels=pixels.total_pixels,
    )
    return InputTokens(video=visual, audio=audio_tokens(seconds=seconds, rule=rule) if item.has_audio else 0)


def _sides(item: ProbedMedia) -> tuple[int, int]:
    if not item.width or not item.height:
        raise errors.MediaUndecodable(f"media[{item.index}] ({item.format}) states no size; convert it")
    return item.width, item.height


def _seconds(item: ProbedMedia) -> float:
    if item.duration_seconds is None:
        raise errors.MediaUndecodable(f"media[{item.index}] ({item.format}) states no duration; convert it")
    return item.duration_seconds
