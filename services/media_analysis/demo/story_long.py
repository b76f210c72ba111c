"""Pure: what the demo sends that is longer than one call takes, and what has to stand at which second of the answer."""

from __future__ import annotations

from typing import Final

from media_analysis.demo.cases import BUCKET, Draft, Expected, draft
from media_analysis.demo.long_media import FILM, RECORDING, film_marks, recording_marks
from media_contracts import MediaItem

_IN_ONE: Final = Expected(outcomes=("succeeded",), words="one answer out of segments, at the times of the whole")


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
