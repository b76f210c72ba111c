"""Pure: the options of the command line that say how a model is to look, think and search; decorators of commands."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Final, TypeVar, get_args

import click

from analysis_worker.detail import Level
from media_contracts import ModelChoice, Reasoning

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--detail", type=click.Choice(get_args(Level)), help="How closely to look.  [default: standard]"),
    click.option("--effort", metavar="E", help="Let the model think first, with this effort (low, medium, high, …)."),
    click.option(
        "--thinking/--no-thinking", default=None, help="Whether the model thinks first; by default it does not."
    ),
    click.option("--search/--no-search", default=None, help="Let the model search the web."),
)


def model_options(command: _Command) -> _Command:
    """Add `--detail`, `--effort`, `--thinking` and `--search`, in this order; `model_document` reads them."""
    return reduce(lambda inner, option: option(inner), reversed(_OPTIONS), command)


def voice_option(command: _Command) -> _Command:
    """Add `--voice`, which asks for a spoken answer as well."""
    return click.option("--voice", metavar="NAME", help="Answer in speech as well, with this voice (Cherry, Tina, …).")(
        command
    )


def model_document(
    *, name: str | None, detail: str | None, effort: str | None, thinking: bool | None, search: bool | None
) -> dict[str, Any]:
    """The request's `model`, with null for what was not given."""
    return {
        "name": name,
        "detail": detail,
        "reasoning": {"enabled": thinking, "effort": effort},
        "search": search,
    }


def given_model(**options: Any) -> ModelChoice:
    """The same as a value, for commands that build their request themselves."""
    document = model_document(**options)
    reasoning = {name: value for name, value in document.pop("reasoning").items() if value is not None}
    given = {name: value for name, value in document.items() if value is not None}
    return ModelChoice(**given, reasoning=Reasoning(**reasoning) if reasoning else None)
