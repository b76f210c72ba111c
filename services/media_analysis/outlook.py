"""What models make of local files in; the JSON and the table that `estimate` prints out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from analysis_worker.long_media.segments import Cut
from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.calibration import Calibration
    from analysis_worker.catalogue import Catalogue, DetailLevel
    from analysis_worker.errors import Rejected
    from analysis_worker.long_media.cut_plan import CutPlan
    from analysis_worker.media.probed import ProbedMedia
    from analysis_worker.profiles import Profile
    from analysis_worker.tokens import InputTokens, PixelChoice
    from media_contracts import AnalysisRequested, Money

_MODALITIES: Final = ("text", "image", "audio", "video")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What would be asked, whichever model answers."""

    request: AnalysisRequested
    media: Sequence[ProbedMedia]
    profile: Profile
    catalogue: Catalogue
    region: str

    @property
    def detail(self) -> DetailLevel:
        """The level that the request names."""
        return self.catalogue.details[self.request.model.detail]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A call of its own that reads the answer aloud; `bound` is that of a text as long as the answer may be."""

    model: str
    voice: str
    bound: Money | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What one model would count and cost at most, over all calls; of each call the longest answer."""

    tokens: InputTokens
    bound: Money | None
    max_output_tokens: int
    user_messages: int
    thinking: bool
    pixels: PixelChoice
    cut: CutPlan | None = None
    reading: Reading | None = None
    unpriced: tuple[str, ...] = ()
    """Models of its calls of which the region has no price."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What one model makes of the files: a count and a bound, or the rejection that the worker would complete with."""

    model: str
    delivery: Delivery
    question: Question
    counted: Counted | None
    rejection: Rejected | None
    learned: Calibration | None = None
    """What the provider counted for earlier estimates; shown, never applied."""

    def document(self) -> dict[str, Any]:
        """The JSON of DESIGN.md §3; `plan` says how the cost comes about and why a request would be refused."""
        counted, fault = self.counted, self.rejection
        tokens = counted.tokens if counted else None
        return {
            "model": self.model,
            "input": None if tokens is None else {name: getattr(tokens, name) for name in _MODALITIES},
            "input_tokens": None if tokens is None else tokens.total,
            "cost": _money(counted.bound if counted else None),
            "plan": {
                "outcome": "accepted" if fault is None else "rejected",
                "error": None if fault is None else {"code": fault.code, "message": fault.message},
                "delivery": str(self.delivery),
                "profile": self.question.profile.name,
                "detail": self.question.request.model.detail,
                "max_output_tokens": counted.max_output_tokens if counted else None,
                "user_messages": counted.user_messages if counted else None,
                "thinking": counted.thinking if counted else None,
                "search": self.question.request.model.search or False,
                "pixels": self.pixels,
                "calls": self.calls,
                "cut": cut_document(counted.cut) if counted and counted.cut else None,
                "speech": self.speech,
                "unpriced": list(counted.unpriced) if counted else [],
                "calibration": self.calibration,
            },
        }

    @property
    def calls(self) -> int | None:
        """How many calls it takes when each succeeds."""
        if self.counted is None or self.rejection is not None:
            return None
        cut = self.counted.cut
        answers = 1 if cut is None else len(cut.segments) + (cut.reduction is not None)
        return answers + (self.counted.reading is not None)

    @property
    def calibration(self) -> dict[str, float | int | None] | None:
        """Actual input tokens for each estimated one, and over how many calls."""
        return {"factor": self.learned.factor, "calls": self.learned.calls} if self.learned else None

    @property
    def pixels(self) -> dict[str, int]:
        """The pixel parameters that are sent, by name."""
        chosen = asdict(self.counted.pixels) if self.counted else {}
        return {name: value for name, value in chosen.items() if value}

    @property
    def speech(self) -> dict[str, Any] | None:
        """Who speaks: the answering call, or one of its own whose cost at most is in the sum."""
        asked = self.question.request.speech
        if asked is None or self.counted is None or self.rejection is not None:
            return None
        reading = self.counted.reading
        own = {"model": reading.model, "cost": _money(reading.bound)} if reading else {"model": self.model}
        return {"voice": asked.voice, "own_call": reading is not None, **own}


def cut_document(cut: CutPlan) -> dict[str, Any]:
    """How a medium is cut, as JSON; seconds from its start."""
    reduction = cut.reduction
    return {
        "media_index": cut.media_index,
        "segments": [
            {
                "start_seconds": segment.start_seconds,
                "end_seconds": segment.end_seconds,
                "overlap_seconds": segment.overlap_seconds,
                "cut": segment.cut.value,
            }
            for segment in cut.segments
        ],
        "reduction": None
        if reduction is None
        else {
            "model": cut.reduce_model,
            "input_tokens": reduction.tokens.total,
            "cost": _money(reduction.cost),
        },
    }


def _money(amount: Money | None) -> dict[str, str] | None:
    return None if amount is None else {"amount": amount.amount, "currency": amount.currency}


def show(outlooks: Sequence[Outlook]) -> None:
    """Print the comparison, and a line with the plan of each model."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for heading in ("text", "image", "audio", "video", "input tokens", "costs at most"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outlook in outlooks:
        counted = outlook.counted
        tokens = counted.tokens if counted else None
        bound = counted.bound if counted else None
        names = (*_MODALITIES, "total")
        counts = ["-"] * len(names) if tokens is None else [f"{getattr(tokens, name):,}" for name in names]
        table.add_row(outlook.model, *counts, "unknown" if bound is None else f"{bound.amount} {bound.currency}")
    Console(highlight=False, markup=False).print(table)
    for outlook in outlooks:
        click.echo(f"{outlook.model}: {_plan(outlook)}")


def _plan(outlook: Outlook) -> str:
    counted = outlook.counted
    if outlook.rejection is not None or counted is None:
        fault = outlook.rejection
        return f"rejected, {fault.code}: {fault.message}" if fault else "rejected"
    way = "inline" if outlook.delivery is Delivery.INLINE else "by signed URL"
    said = [f"profile {outlook.question.profile.name}", f"detail {outlook.question.request.model.detail}", way]
    if counted.cut is not None:
        said += _cutting(counted.cut)
    if counted.user_messages > 1:
        said.append(f"spread over {counted.user_messages} messages")
    said += [f"{name} {value:,}" for name, value in outlook.pixels.items()]
    if counted.thinking:
        said.append("thinking")
    if outlook.question.request.model.search:
        said.append("search")
    if outlook.speech is not None:
        said.append(f"read aloud by {outlook.speech['model']}" if counted.reading else "spoken as it answers")
    if counted.unpriced:
        said.append(f"no price of {' and '.join(counted.unpriced)} is known in {outlook.question.region}")
    if outlook.learned and outlook.learned.factor is not None:
        said.append(f"{outlook.learned.factor:.3f} counted for each estimated token in {outlook.learned.calls} calls")
    return f"{', '.join(said)}, answer up to {counted.max_output_tokens:,} tokens{_each(counted)}"


def _cutting(cut: CutPlan) -> list[str]:
    """How a medium is cut, in words."""
    ways = Counter("copied" if segment.cut is Cut.COPY else "encoded" for segment in cut.segments)
    if not cut.in_segments:
        (way,) = ways
        return [f"one part of {cut.segments[0].length_seconds:,.1f} s, {way}"]
    longest = max(segment.length_seconds for segment in cut.segments)
    how = " and ".join(f"{count} {way}" for way, count in ways.items())
    said = [f"cut into {len(cut.segments)} segments of up to {longest:,.1f} s ({how})"]
    if cut.reduction is None:
        return [*said, "put together without a model"]
    return [
        *said,
        f"put together by {cut.reduce_model} where they differ, out of about {cut.reduction.tokens.total:,} tokens",
    ]


def _each(counted: Counted) -> str:
    return " for each segment" if counted.cut is not None and counted.cut.in_segments else ""
