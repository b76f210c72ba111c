"""Pure: the provider's usage object in, our `Usage` out: by modality where reported, reasoning never counted twice.

Facts: provider.md §3 "Usage object". A detail that the provider leaves out is zero only when the details that it
gives already make up the total ("absent when unused"); otherwise it is unknown, and unknown is null (law 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from media_contracts import EstimatedUsage, InputUsage, OutputUsage, Usage

# Integers beyond this are not the same number in every JSON reader (RFC 8259 §6).
_MAX_INTEGER: Final = 2**53 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedUsage:
    """The numbers of one usage object as they were sent; tokens, None where nothing was said.

    `output_text` may or may not include `output_reasoning`: the documentation says it does (CHAT), the recorded
    sample (001_c4bbddce233d9b12.txt) says it does not. `to_usage` decides by arithmetic.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int | None = None
    input_text: int | None = None
    input_image: int | None = None
    input_video: int | None = None
    input_audio: int | None = None
    cached: int | None = None
    output_text: int | None = None
    output_audio: int | None = None
    output_reasoning: int | None = None


def read_usage(document: object) -> ReportedUsage | None:
    """Return what a decoded `usage` says, or None when it does not say both totals.

    A missing total is taken from the other two (`total_tokens` is their sum, CHAT). No input at all is a server's way of
    saying nothing: every call has some, and unknown is never zero (law 6).
    """
    if not isinstance(document, Mapping):
        return None
    prompt, completion = _count(document, "prompt_tokens"), _count(document, "completion_tokens")
    total = _count(document, "total_tokens")
    if prompt is None and total is not None and completion is not None:
        prompt = _difference(total, completion)
    if completion is None and total is not None and prompt is not None:
        completion = _difference(total, prompt)
    if not prompt or completion is None or prompt + completion > _MAX_INTEGER:
        return None
    inputs = document.get("prompt_tokens_details")
    outputs = document.get("completion_tokens_details")
    return ReportedUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total,
        input_text=_count(inputs, "text_tokens"),
        input_image=_count(inputs, "image_tokens"),
        input_video=_count(inputs, "video_tokens"),
        input_audio=_count(inputs, "audio_tokens"),
        cached=_count(inputs, "cached_tokens"),
        output_text=_count(outputs, "text_tokens"),
        output_audio=_count(outputs, "audio_tokens"),
        output_reasoning=_count(outputs, "reasoning_tokens"),
    )


def fuller(known: ReportedUsage, later: ReportedUsage) -> ReportedUsage:
    """Return which of two reports of one call says more: the later, unless it takes back what was counted.

    Counts only grow while an answer is written; zeros at the end, or a repeat without its details, are a server's
    way of leaving them out.
    """
    totals = (later.prompt_tokens, later.completion_tokens), (known.prompt_tokens, known.completion_tokens)
    if totals[0] == totals[1]:
        return later if _details(later) >= _details(known) else known
    return later if sum(totals[0]) >= sum(totals[1]) else known


def to_usage(
    reported: ReportedUsage | None,
    *,
    estimated_input_tokens: int,
    estimated_output_tokens: int,
    uncounted_output_tokens: int = 0,
) -> Usage:
    """Return the usage of one call; without a report it holds the two estimates, and says so.

    `estimated_output_tokens` is what is known of the output of a call that was cut (law 6), 0 when nothing arrived;
    `uncounted_output_tokens` is the part of it that came after the report of a cut call and is added to the report.
    """
    if reported is None:
        return Usage(
            input_tokens=estimated_input_tokens,
            output_tokens=estimated_output_tokens,
            total_tokens=estimated_input_tokens + estimated_output_tokens,
            input=InputUsage(text=None, image=None, video=None, audio=None),
            cached_input_tokens=None,
            output=OutputUsage(text=None, audio=None, reasoning=None),
            calls=1,
            estimated=EstimatedUsage(
                calls=1, input_tokens=estimated_input_tokens, output_tokens=estimated_output_tokens
            ),
        )
    cached = reported.cached
    output_tokens = reported.completion_tokens + uncounted_output_tokens
    output = _output_usage(reported)
    if uncounted_output_tokens:
        # A part is null unless all of it was reported, and nobody said what the rest is made of.
        output = OutputUsage(text=None, audio=None, reasoning=None)
    return Usage(
        input_tokens=reported.prompt_tokens,
        output_tokens=output_tokens,
        total_tokens=reported.prompt_tokens + output_tokens,
        input=_input_usage(reported),
        cached_input_tokens=cached if cached is not None and cached <= reported.prompt_tokens else None,
        output=output,
        calls=1,
        estimated=EstimatedUsage(calls=0, input_tokens=0, output_tokens=uncounted_output_tokens),
    )


def _details(reported: ReportedUsage) -> int:
    values = (getattr(reported, name) for name in reported.__slots__)
    return sum(value is not None for value in values)


def _input_usage(reported: ReportedUsage) -> InputUsage:
    given = {
        "text": reported.input_text,
        "image": reported.input_image,
        "video": reported.input_video,
        "audio": reported.input_audio,
    }
    return InputUsage(**_parts(given, reported.prompt_tokens))


def _output_usage(reported: ReportedUsage) -> OutputUsage:
    text, reasoning, total = reported.output_text, reported.output_reasoning, reported.completion_tokens
    audio = reported.output_audio
    # Text that includes the reasoning makes up the total without it; take the reasoning out once.
    if text is not None and reasoning and text + (audio or 0) == total and text >= reasoning:
        text -= reasoning
    return OutputUsage(**_parts({"text": text, "audio": audio, "reasoning": reasoning}, total))


def _parts(given: Mapping[str, int | None], total: int) -> dict[str, int | None]:
    """Return parts that sum to the total where none is null; what contradicts the total is made null."""
    known = {name: tokens for name, tokens in given.items() if tokens is not None}
    if known and sum(known.values()) == total:
        return {name: known.get(name, 0) for name in given}
    if len(known) < len(given) and sum(known.values()) <= total:
        return dict(given)
    # Contradiction. The text is the part that providers count differently (CHAT against the S1 sample).
    rest = {name: tokens for name, tokens in known.items() if name != "text"}
    if sum(rest.values()) <= total:
        return {name: rest.get(name) for name in given}
    return dict.fromkeys(given)


def _count(mapping: object, name: str) -> int | None:
    value = mapping.get(name) if isinstance(mapping, Mapping) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INTEGER
    return value if usable else None


def _difference(total: int, part: int) -> int | None:
    return total - part if total >= part else None
