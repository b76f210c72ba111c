"""Pure: a request and what was seen in its media in; the input tokens by modality, and the usage object, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from model_simulator.facts import Clip, Facts, Picture, Recording, Sequence
from model_simulator.refusal import refuse
from model_simulator.tokens import TooFewFrames, audio_tokens, frames_tokens, image_tokens, sampled_frames, text_tokens

if TYPE_CHECKING:
    from model_simulator.chat_request import ChatRequest, Media
    from model_simulator.rule_table import RuleTable


@dataclass(frozen=True, kw_only=True, slots=True)
class InputTally:
    """Input tokens by modality; the sound of a clip counts as audio (CHAT)."""

    text: int = 0
    image: int = 0
    video: int = 0
    audio: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.image + self.video + self.audio

    def plus(self, other: InputTally) -> InputTally:
        """The sum, modality by modality."""
        return InputTally(
            text=self.text + other.text,
            image=self.image + other.image,
            video=self.video + other.video,
            audio=self.audio + other.audio,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputTally:
    """Output tokens by kind; disjoint here, whatever the report does with them."""

    text: int = 0
    reasoning: int = 0
    speech: int = 0

    @property
    def billed(self) -> int:
        """All of them: what `completion_tokens` says."""
        return self.text + self.reasoning + self.speech


def tally_input(request: ChatRequest, facts: tuple[Facts, ...], rules: RuleTable) -> InputTally:
    """Count a request; raises `Refused` when a clip is too short to sample or the input too long for the model."""
    text = int(rules.limit("answer_overhead_tokens"))
    for message in request.messages:
        text += rules.limit("message_overhead_tokens") + sum(text_tokens(piece, rules) for piece in message.texts())
    schema = request.response_schema()
    if schema is not None and rules.limit("json_schema_counts_as_text"):
        text += text_tokens(orjson.dumps(schema).decode(), rules)
    if request.speech:
        text += rules.limit("hidden_speech_prompt_tokens")
    if request.searches:
        text += rules.limit("search_result_tokens")
    result = InputTally(text=text)
    for media, fact in zip(request.media(), facts, strict=True):
        result = result.plus(_of_media(media, fact, request, rules))
    model = request.model
    limit = model.max_input_thinking_tokens if request.thinking else model.max_input_tokens
    if result.total > limit:
        raise refuse(rules, "input_length", limit=limit)
    return result


def _of_media(media: Media, fact: Facts, request: ChatRequest, rules: RuleTable) -> InputTally:
    family, options = request.model.family, media.options
    pixels = {name: options.get(name) for name in ("min_pixels", "max_pixels")} if family.takes_pixels else {}
    total = options.get("total_pixels") if pixels else None
    match fact:
        case Picture():
            high = request.fields.get("vl_high_resolution_images") is True
            return InputTally(
                image=image_tokens(fact.width, fact.height, family, rules, high_resolution=high, **pixels)
            )
        case Recording():
            return InputTally(audio=audio_tokens(fact.duration_seconds, family, rules))
        case Sequence(pictures=pictures):
            first, count = pictures[0], len(pictures)
            video = frames_tokens(first.width, first.height, count, family, rules, total_pixels=total, **pixels)
            return InputTally(video=video)
        case Clip():
            return _of_clip(fact, media, request, rules, pixels)


def _of_clip(
    clip: Clip, media: Media, request: ChatRequest, rules: RuleTable, pixels: dict[str, int | None]
) -> InputTally:
    family = request.model.family
    fps = rules.limit("fps_default")
    if family.takes_pixels and rules.limit("fps_sets_sampling"):
        fps = media.options.get("fps") or fps
    try:
        count = sampled_frames(
            total_frames=clip.frames, frames_per_second=clip.frames_per_second, family=family, sampling_fps=fps
        )
    except TooFewFrames:
        raise refuse(rules, "video_too_short") from None
    total = media.options.get("total_pixels") if pixels else None
    video = frames_tokens(clip.width, clip.height, count, family, rules, total_pixels=total, **pixels)
    sound = audio_tokens(clip.sound.duration_seconds, family, rules) if clip.sound else 0
    return InputTally(video=video, audio=sound)


def usage_object(inputs: InputTally, outputs: OutputTally, *, text_includes_reasoning: bool) -> dict[str, Any]:
    """The usage as reported: only the modalities that were used (CHAT), in the order of seed S1's samples."""
    text = outputs.text + (outputs.reasoning if text_includes_reasoning else 0)
    completion = {"reasoning_tokens": outputs.reasoning, "audio_tokens": outputs.speech}
    details = {name: count for name, count in completion.items() if count} | {"text_tokens": text}
    prompt = {
        "text_tokens": inputs.text,
        "image_tokens": inputs.image,
        "video_tokens": inputs.video,
        "audio_tokens": inputs.audio,
    }
    return {
        "prompt_tokens": inputs.total,
        "completion_tokens": outputs.billed,
        "total_tokens": inputs.total + outputs.billed,
        "completion_tokens_details": details,
        "prompt_tokens_details": {name: count for name, count in prompt.items() if count},
    }
