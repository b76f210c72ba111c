"""Pure: what the demo sends that is longer than one call takes, and what has to stand at which second of the answer."""

from __future__ import annotations

from typing import Final

from media_analysis.demo.cases import BUCKET, Draft, Expected, draft
from media_analysis.demo.long_media import FILM, RECORDING, film_marks, recording_marks
from media_contracts import Clip, MediaItem

_IN_ONE: Final = Expected(outcomes=("succeeded",), words="one answer out of segments, at the times of the whole")


SLOWLY: Final = "Tell what the clock shows."
"""The simulator takes its time over this one, as a model does, so that there is something to see while it answers."""


def growing(run: str) -> tuple[Draft, ...]:
    """Return a part of the film whose answer is told while it grows."""
    part = Clip(start_seconds=60.0, end_seconds=180.0)
    return (
        draft(
            "Two minutes of it, told as it grows",
            Expected(outcomes=("succeeded",), words="parts of the answer in progress events, long before its end"),
            request_id=f"{run}-growing",
            media=(MediaItem(kind="video", bucket=BUCKET, key=f"demo/{FILM}", clip=part),),
            profile="storyline",
            instruction=SLOWLY,
            samples=(FILM,),
            progress=True,
            marks=tuple(mark for mark in film_marks() if part.start_seconds <= mark[1] < part.end_seconds),
        ),
    )


def long_ones(run: str) -> tuple[Draft, ...]:
    """Return a film of ten minutes and a recording of five; a call takes four minutes of film, two of sound."""
    return (
        draft(
            "Ten minutes of film, in segments",
            _IN_ONE,
            request_id=f"{run}-film",
            media=(MediaItem(kind="video", bucket=BUCKET, key=f"demo/{FILM}"),),
            profile="storyline",
            samples=(FILM,),
            marks=film_marks(),
        ),
        draft(
            "Five minutes of sound, in segments",
            _IN_ONE,
            request_id=f"{run}-recording",
            media=(MediaItem(kind="audio", bucket=BUCKET, key=f"demo/{RECORDING}"),),
            profile="transcribe",
            samples=(RECORDING,),
            marks=recording_marks(),
        ),
    )
