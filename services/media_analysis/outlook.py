"""What models make of local files in; the JSON and the table that `estimate` prints out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from analysis_worker.values import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.calibration import Calibration
    from analysis_worker.catalogue import Catalogue, DetailLevel
    from analysis_worker.errors import Rejected
    from analysis_worker.outline import Outline, Wishes
    from analysis_worker.profiles import Profile
    from analysis_worker.values import PlannedMedia
    from media_contracts import AnalysisRequested, Money

_MODALITIES: Final = ("text", "image", "audio", "video")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What would be asked, whichever model answers."""

    request: AnalysisRequested
    media: tuple[PlannedMedia, ...]
    profile: Profile
    catalogue: Catalogue
    region: str

    @property
    def detail(self) -> DetailLevel:
        """The level that the request names."""
        return self.catalogue.details[self.request.model.detail]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What one model makes of the files: a count and a bound, or the rejection that the worker would complete with."""

    model: str
    delivery: Delivery
    question: Question
    wishes: Wishes | None
    outline: Outline | None
    bound: Money | None
    rejection: Rejected | None
    learned: Calibration | None = None
    """What the provider counted for earlier estimates; shown, never applied."""

    def document(self) -> dict[str, Any]:
        """The JSON of DESIGN.md §3; `plan` says how the cost comes about and why a request would be refused."""
        bound, fault = self.bound, self.rejection
        tokens = self.outline.input_tokens if self.outline else None
        return {
            "model": self.model,
            "input": None if tokens is None else {name: getattr(tokens, name) for name in _MODALITIES},
            "input_tokens": None if tokens is None else tokens.total,
            "cost": None if bound is None else {"amount": bound.amount, "currency": bound.currency},
            "plan": {
                "outcome": "accepted" if fault is None else "rejected",
                "error": None if fault is None else {"code": fault.code, "message": fault.message},
                "delivery": str(self.delivery),
                "profile": self.question.profile.name,
                "detail": self.question.request.model.detail,
                "max_output_tokens": self.max_output_tokens,
                "user_messages": self.user_messages,
                "thinking": self.wishes.thinking.on if self.wishes else None,
                "search": self.question.request.model.search or False,
                "pixels": self.pixels,
                "calibration": self.calibration,
            },
        }

    @property
    def max_output_tokens(self) -> int | None:
        """The longest answer that is asked for; reasoning comes on top."""
        return self.wishes.max_output_tokens(self.question.catalogue.card(self.model)) if self.wishes else None

    @property
    def user_messages(self) -> int | None:
        """More than one where the model takes one kind of media a message."""
        return sum(message.role == "user" for message in self.outline.messages) if self.outline else None

    @property
    def calibration(self) -> dict[str, float | int | None] | None:
        """Actual input tokens for each estimated one, and over how many calls."""
        return {"factor": self.learned.factor, "calls": self.learned.calls} if self.learned else None

    @property
    def pixels(self) -> dict[str, int]:
        """The pixel parameters that are sent, by name."""
        chosen = asdict(self.wishes.pixels) if self.wishes else {}
        return {name: value for name, value in chosen.items() if value}


def show(outlooks: Sequence[Outlook]) -> None:
    """Print the comparison, and a line with the plan of each model."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for heading in ("text", "image", "audio", "video", "input tokens", "costs at most"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outlook in outlooks:
        tokens, bound = outlook.outline and outlook.outline.input_tokens, outlook.bound
        names = (*_MODALITIES, "total")
        counts = ["-"] * len(names) if tokens is None else [f"{getattr(tokens, name):,}" for name in names]
        table.add_row(outlook.model, *counts, "unknown" if bound is None else f"{bound.amount} {bound.currency}")
    Console(highlight=False, markup=False).print(table)
    for outlook in outlooks:
        click.echo(f"{outlook.model}: {_plan(outlook)}")


def _plan(outlook: Outlook) -> str:
    if outlook.rejection is not None or outlook.wishes is None:
        fault = outlook.rejection
        return f"rejected, {fault.code}: {fault.message}" if fault else "rejected"
    way = "inline" if outlook.delivery is Delivery.INLINE else "by signed URL"
    said = [f"profile {outlook.question.profile.name}", f"detail {outlook.question.request.model.detail}", way]
    if (outlook.user_messages or 1) > 1:
        said.append(f"spread over {outlook.user_messages} messages")
    said += [f"{name} {value:,}" for name, value in outlook.pixels.items()]
    if outlook.wishes.thinking.on:
        said.append("thinking")
    if outlook.wishes.parameters.search:
        said.append("search")
    if outlook.learned and outlook.learned.factor is not None:
        said.append(f"{outlook.learned.factor:.3f} counted for each estimated token in {outlook.learned.calls} calls")
    return f"{', '.join(said)}, answer up to {outlook.max_output_tokens:,} tokens"
