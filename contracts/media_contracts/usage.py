"""Pure: token usage of one call or of many, whose parts must add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from media_contracts.values import Count, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class InputUsage(Value):
    """Input tokens by modality; null where the provider did not report it."""

    text: Count | None = None
    image: Count | None = None
    video: Count | None = None
    audio: Count | None = None


class OutputUsage(Value):
    """Output tokens by kind; `reasoning` is disjoint from `text`, whatever the provider's convention."""

    text: Count | None = None
    audio: Count | None = None
    reasoning: Count | None = None


class EstimatedUsage(Value):
    """The part of each total that was estimated and not reported."""

    calls: Count = 0
    input_tokens: Count = 0
    output_tokens: Count = 0


class Usage(Value):
    """Tokens and calls, exact or marked as estimated; totals include cached input and reasoning."""

    input_tokens: Count
    output_tokens: Count
    total_tokens: Count
    """Input and output together."""
    input: InputUsage = Field(default_factory=InputUsage)
    cached_input_tokens: Count | None = None
    """The part of the input that the provider took from its cache; null when it was not reported."""
    output: OutputUsage = Field(default_factory=OutputUsage)
    calls: Count
    """Calls to a model, those that were cut off included."""
    estimated: EstimatedUsage = Field(default_factory=EstimatedUsage)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        return self.with_faults(_faults(self))

    @classmethod
    def none(cls) -> Self:
        """Return the usage of a request for which no call was made: zero, and known to be zero."""
        return cls(
            input_tokens=0,
            output_tokens=0,
            total_tokens=0,
            input=InputUsage(text=0, image=0, video=0, audio=0),
            cached_input_tokens=0,
            output=OutputUsage(text=0, audio=0, reasoning=0),
            calls=0,
        )

    @classmethod
    def sum(cls, usages: Iterable[Usage]) -> Self:
        """Return the sum over calls; a part that one of them did not report is null in the sum (unknown is not zero)."""
        terms: list[Usage] = [Usage.none(), *usages]
        return cls(
            input_tokens=sum(term.input_tokens for term in terms),
            output_tokens=sum(term.output_tokens for term in terms),
            total_tokens=sum(term.total_tokens for term in terms),
            input=InputUsage(
                text=_sum_known(term.input.text for term in terms),
                image=_sum_known(term.input.image for term in terms),
                video=_sum_known(term.input.video for term in terms),
                audio=_sum_known(term.input.audio for term in terms),
            ),
            cached_input_tokens=_sum_known(term.cached_input_tokens for term in terms),
            output=OutputUsage(
                text=_sum_known(term.output.text for term in terms),
                audio=_sum_known(term.output.audio for term in terms),
                reasoning=_sum_known(term.output.reasoning for term in terms),
            ),
            calls=sum(term.calls for term in terms),
            estimated=EstimatedUsage(
                calls=sum(term.estimated.calls for term in terms),
                input_tokens=sum(term.estimated.input_tokens for term in terms),
                output_tokens=sum(term.estimated.output_tokens for term in terms),
            ),
        )


def _sum_known(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _faults(usage: Usage) -> Iterator[tuple[str, str]]:
    if usage.total_tokens != usage.input_tokens + usage.output_tokens:
        yield (
            "/total_tokens",
            f"{usage.total_tokens} is not input_tokens {usage.input_tokens} + output_tokens {usage.output_tokens}",
        )
    yield from _part_faults(
        "/input", (usage.input.text, usage.input.image, usage.input.video, usage.input.audio), usage.input_tokens
    )
    yield from _part_faults(
        "/output", (usage.output.text, usage.output.audio, usage.output.reasoning), usage.output_tokens
    )
    if usage.cached_input_tokens is not None:
        yield from _at_most("/cached_input_tokens", usage.cached_input_tokens, usage.input_tokens, "input_tokens")
    estimated = usage.estimated
    yield from _at_most("/estimated/calls", estimated.calls, usage.calls, "calls")
    yield from _at_most("/estimated/input_tokens", estimated.input_tokens, usage.input_tokens, "input_tokens")
    yield from _at_most("/estimated/output_tokens", estimated.output_tokens, usage.output_tokens, "output_tokens")


def _part_faults(path: str, parts: tuple[int | None, ...], total: int) -> Iterator[tuple[str, str]]:
    known = sum(part for part in parts if part is not None)
    if None not in parts and known != total:
        yield path, f"the parts sum to {known}, not to {path[1:]}_tokens {total}"
    elif known > total:
        yield path, f"the known parts sum to {known}, more than {path[1:]}_tokens {total}"


def _at_most(path: str, value: int, total: int, name: str) -> Iterator[tuple[str, str]]:
    if value > total:
        yield path, f"{value} is more than {name} {total}, of which it is a part"
