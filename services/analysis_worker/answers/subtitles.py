"""Pure: timed lines of an answer in, the same as SubRip (SRT) and WebVTT files out, or why they cannot be written.

Sources: WebVTT, W3C Candidate Recommendation (§4.1 file structure, §3.5 cue text); SRT has no specification and is
written as its readers agree: numbered cues, comma before the milliseconds, an empty line after each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis_worker.answers.pointer import at, subschema
from media_contracts import WarningInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

SRT: Final = "srt"
WEBVTT: Final = "webvtt"
SRT_TYPE: Final = "application/x-subrip"
WEBVTT_TYPE: Final = "text/vtt"
_ARROW: Final = "-->"
# Neither format allows it in a text: a reader takes the line for a cue's times.
_INSTEAD_OF_ARROW: Final = "→"
_TIMES: Final = ("start_seconds", "end_seconds")
_MOST_SECONDS: Final = 360_000
"""A hundred hours: readers of SRT take two digits of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """A text and when it is shown; whole milliseconds from the start, the end after the start."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtitleFile:
    """One form of the subtitles: the artifact's role and content type, how its name ends, and its bytes (UTF-8)."""

    role: str
    content_type: str
    suffix: str
    body: bytes


class CuesUnusable(Exception):
    """The answer has no list of cues where the profile names it, or a cue without times or text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subtitles:
    """What came of a profile's wish for subtitle files: both of them, or the warning that says why there are none."""

    files: tuple[SubtitleFile, ...] = ()
    warnings: tuple[WarningInfo, ...] = ()


NO_SUBTITLES: Final = Subtitles()


def write_subtitles(value: object, pointer: str) -> Subtitles:
    """Return the cues that stand at `pointer` (JSON Pointer) in a result, as SRT and as WebVTT; nothing is raised.

    Without a cue both are files that show nothing: nobody spoke. The result is whole, with them or without.
    """
    try:
        return Subtitles(files=_files(value, pointer))
    except CuesUnusable as error:
        return Subtitles(warnings=(WarningInfo(code="subtitles_missing", message=f"no subtitle files: {error}"),))


def _files(value: object, pointer: str) -> tuple[SubtitleFile, ...]:
    found = at(value, pointer)
    if not isinstance(found, list):
        raise CuesUnusable(f"the answer has no list at {pointer}")
    cues = read_cues(found, place=pointer)
    return (
        SubtitleFile(role=SRT, content_type=SRT_TYPE, suffix=".srt", body=to_srt(cues).encode()),
        SubtitleFile(role=WEBVTT, content_type=WEBVTT_TYPE, suffix=".vtt", body=to_webvtt(cues).encode()),
    )


def are_cues(schema: Mapping[str, Any], pointer: str) -> bool:
    """Whether a pointer leads, by `properties` alone, to a list of items that must have start, end and text."""
    required = at(subschema(schema, pointer), "/items/required")
    return isinstance(required, list) and {*_TIMES, "text"} <= set(required)


def read_cues(items: Sequence[object], *, place: str = "") -> tuple[Cue, ...]:
    """Return the cues of an answer's list (start_seconds, end_seconds, text), the earliest first.

    A cue of no length lasts a millisecond (WebVTT demands an end after the start); one without text is left out.

    :raises CuesUnusable: for an item that is no cue; `place` is the list's path, for the message.
    """
    cues = []
    for index, item in enumerate(items):
        start_seconds, end_seconds = (_seconds(item, name, f"{place}/{index}") for name in _TIMES)
        text = item.get("text") if isinstance(item, Mapping) else None
        if not isinstance(text, str):
            raise CuesUnusable(f"{place}/{index}/text is no text")
        start_ms = max(round(start_seconds * 1_000), 0)
        end_ms = max(round(end_seconds * 1_000), start_ms + 1)
        if cleaned := _clean(text):
            cues.append(Cue(start_ms=start_ms, end_ms=end_ms, text=cleaned))
    # WebVTT §4.1: no cue begins before the one above it; those that begin together keep their order.
    return tuple(sorted(cues, key=lambda cue: cue.start_ms))


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


def _seconds(item: object, name: str, place: str) -> float:
    found = item.get(name) if isinstance(item, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise CuesUnusable(f"{place}/{name} is no number of seconds")
    if abs(found) >= _MOST_SECONDS:
        raise CuesUnusable(f"{place}/{name} is {found:g}: subtitles take less than {_MOST_SECONDS:,} seconds")
    return float(found)


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
