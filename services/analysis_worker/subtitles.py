"""Pure: timed lines of an answer in, the same as SubRip (SRT) or WebVTT text out.

Sources: WebVTT, W3C Candidate Recommendation (§4.1 file structure, §3.5 cue text); SRT has no specification and is
written as its readers agree: numbered cues, comma before the milliseconds, an empty line after each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SRT_TYPE: Final = "application/x-subrip"
WEBVTT_TYPE: Final = "text/vtt"
_ARROW: Final = "-->"
# Neither format allows it in a text: a reader takes the line for a cue's times.
_INSTEAD_OF_ARROW: Final = "→"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """A text and when it is shown; whole milliseconds from the start, the end after the start."""

    start_ms: int
    end_ms: int
    text: str


def read_cues(items: Sequence[Mapping[str, Any]]) -> tuple[Cue, ...]:
    """Return the cues of an answer's `cues`, `lines` or `segments` (start_seconds, end_seconds, text), in their order.

    A cue of no length lasts a millisecond (WebVTT demands an end after the start); one without text is left out.
    """
    cues = []
    for item in items:
        text = _clean(str(item["text"]))
        start_ms = max(round(float(item["start_seconds"]) * 1_000), 0)
        end_ms = max(round(float(item["end_seconds"]) * 1_000), start_ms + 1)
        if text:
            cues.append(Cue(start_ms=start_ms, end_ms=end_ms, text=text))
    return tuple(cues)


def to_srt(cues: Sequence[Cue]) -> str:
    """Return the cues as SubRip text."""
    return "".join(
        f"{number}\n{_clock(cue.start_ms, ',')} {_ARROW} {_clock(cue.end_ms, ',')}\n{cue.text}\n\n"
        for number, cue in enumerate(cues, start=1)
    )


def to_webvtt(cues: Sequence[Cue]) -> str:
    """Return the cues as WebVTT text; ampersands and angle brackets are escaped, they are markup there."""
    blocks = [f"{_clock(cue.start_ms, '.')} {_ARROW} {_clock(cue.end_ms, '.')}\n{_escaped(cue.text)}\n" for cue in cues]
    return "\n".join(["WEBVTT\n", *blocks])


def _clean(text: str) -> str:
    """Without empty lines, which would end the cue, and without what begins a cue's times or breaks a reader."""
    lines = text.splitlines()
    shown = ("".join(char for char in line if char >= " " and char != "\ufeff").strip() for line in lines)
    return "\n".join(line for line in shown if line).replace(_ARROW, _INSTEAD_OF_ARROW)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"
