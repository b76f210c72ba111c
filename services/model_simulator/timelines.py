"""Pure: what was seen and heard when, and the name of a list with times, in; the moments that the list tells of out.

A real model tells its times in order and of what is there; drawn from a digest they would be neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from model_simulator.facts import Clip, Facts, Moment, Recording

if TYPE_CHECKING:
    from collections.abc import Iterable

START, END = "start_seconds", "end_seconds"
MOST_MOMENTS: Final = 200
"""Of a list; a longer one would not fit into an answer."""
_WRITTEN: Final = ("visible_text", "texts", "text_on_screen", "signs")
_SPOKEN: Final = ("transcript", "cues", "segments", "utterances", "lines", "speech", "subtitles", "lyrics", "words")
_SILENCE: Final = "nothing but silence"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracks:
    """What happens in a medium of that length: what is shown, what is written in it, and what sounds."""

    seconds: float
    shown: tuple[Moment, ...] = ()
    written: tuple[Moment, ...] = ()
    heard: tuple[Moment, ...] = ()

    def moments_of(self, name: str) -> tuple[Moment, ...]:
        """What the list of that name tells of; a storyline tells of something always, a transcript perhaps of nothing."""
        if name in _WRITTEN:
            return self.written[:MOST_MOMENTS]
        if name in _SPOKEN:
            return self.heard[:MOST_MOMENTS]
        silence = Moment(start_seconds=0.0, end_seconds=self.seconds, words=_SILENCE)
        return (self.shown or self.heard or (silence,))[:MOST_MOMENTS]


def tracks_of(facts: Iterable[Facts]) -> Tracks | None:
    """The tracks of the first medium that has a length; None when none has."""
    for fact in facts:
        match fact:
            case Clip():
                heard = fact.sound.sounds if fact.sound else ()
                return Tracks(seconds=fact.duration_seconds, shown=fact.scenes, written=fact.clock, heard=heard)
            case Recording():
                return Tracks(seconds=fact.duration_seconds, heard=fact.sounds)
            case _:
                continue
    return None


def evenly(count: int, *, seconds: float) -> tuple[Moment, ...]:
    """So many moments one after the other, to the millisecond; for a medium that nobody has looked at."""
    borders = [round(seconds * index / max(count, 1), 3) for index in range(count + 1)]
    return tuple(Moment(start_seconds=start, end_seconds=end, words="") for start, end in pairwise(borders))


def untimed(item_schema: dict[str, Any]) -> dict[str, Any]:
    """The items' schema for a medium without a length: its times are null where they may be."""
    times = {name: inner for name, inner in item_schema["properties"].items() if name in {START, END}}
    null = {name: {"const": None} for name, inner in times.items() if _may_be_null(inner)}
    return item_schema | {"properties": item_schema["properties"] | null}


def _may_be_null(schema: Any) -> bool:
    kinds = schema.get("type") if isinstance(schema, dict) else None
    return isinstance(kinds, list) and "null" in kinds


def is_timed(item_schema: Any) -> bool:
    """Whether the items of a list have a start and an end in seconds."""
    properties = item_schema.get("properties") if isinstance(item_schema, dict) else None
    return isinstance(properties, dict) and START in properties and END in properties
