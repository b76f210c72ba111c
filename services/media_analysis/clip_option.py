"""Pure: the part of a recording or film that was typed in, as players show times; start and end in seconds out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

_TIME: Final = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")
_WITH_LENGTH: Final = frozenset({"audio", "video"})


def read_clip(text: str) -> dict[str, float]:
    """Return `{start_seconds, end_seconds}` for `60-180`, `1:00-3:00` or `0:59:30-1:02:00.5`. Raises ValueError."""
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no part of a medium: write start-end, such as 1:00-3:00")
    clip = {"start_seconds": _seconds(start.strip()), "end_seconds": _seconds(end.strip())}
    if clip["start_seconds"] >= clip["end_seconds"]:
        raise ValueError(f"{text!r} ends before it starts: write the earlier time first")
    return clip


def clip_for(kind: str, clip: dict[str, float] | None) -> dict[str, Any]:
    """Return the field of a medium of that kind: pictures have no parts."""
    return {"clip": clip} if clip is not None and kind in _WITH_LENGTH else {}


def clip_option(command: _Command) -> _Command:
    """Add `--clip`; its value is what `read_clip` returns."""
    words = "That part of each recording or film alone, such as 60-180 or 1:00-3:00."
    return click.option("--clip", type=_ClipType(), metavar="START-END", help=words)(command)


class _ClipType(click.ParamType[dict[str, float]]):
    name = "clip"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        try:
            return read_clip(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time in a medium: write seconds, or minutes and seconds such as 1:30")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
