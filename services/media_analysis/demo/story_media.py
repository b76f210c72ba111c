"""Pure: what the demo sends beyond photographs: words alone, another model, sound, speech and film."""

from __future__ import annotations

from typing import Final

from media_analysis.demo.cases import ANSWERED, BUCKET, Draft, Expected, draft
from media_contracts import MediaItem, ModelChoice, Speech

OTHER_MODEL: Final = "qwen3-omni-flash"


def beyond_pictures(run: str) -> tuple[Draft, ...]:
    """Return the cases with no media, another model, sound and film; `run` makes their request ids new."""
    return (
        draft(
            "Words alone, no media",
            ANSWERED,
            request_id=f"{run}-words",
            profile="answer",
            instruction="Name three uses of a structured answer.",
        ),
        draft(
            "Another model, busy at first (429)",
            ANSWERED,
            request_id=f"{run}-busy",
            media=(MediaItem(kind="image", bucket=BUCKET, key="demo/rocket.jpg"),),
            profile="describe",
            model=ModelChoice(name=OTHER_MODEL),
            samples=("rocket.jpg",),
        ),
        draft(
            "A spoken recording",
            ANSWERED,
            request_id=f"{run}-speech",
            profile="describe",
            samples=("sense_and_sensibility.wav",),
            media=(MediaItem(kind="audio", bucket=BUCKET, key="demo/sense_and_sensibility.wav"),),
        ),
        draft(
            "A spoken recording, subtitled",
            Expected(outcomes=("succeeded",), words="cues, and the same as SRT and WebVTT files"),
            request_id=f"{run}-subtitles",
            profile="subtitles",
            samples=("sense_and_sensibility.wav",),
            media=(MediaItem(kind="audio", bucket=BUCKET, key="demo/sense_and_sensibility.wav"),),
        ),
        *_spoken(run),
        draft(
            "A clip with sound, as a product film",
            ANSWERED,
            request_id=f"{run}-clip",
            profile="product_video",
            samples=("bigbuckbunny.mp4",),
            media=(MediaItem(kind="video", bucket=BUCKET, key="demo/bigbuckbunny.mp4"),),
        ),
    )


def _spoken(run: str) -> tuple[Draft, ...]:
    """Answers that are spoken as well: by the call that answers, and by one after it."""
    return (
        draft(
            "A question, answered in text and speech",
            Expected(outcomes=("succeeded",), words="text, and the same as speech, by one call"),
            request_id=f"{run}-spoken",
            media=(MediaItem(kind="image", bucket=BUCKET, key="demo/coffee.png"),),
            profile="converse",
            instruction="What do you see?",
            speech=Speech(voice="Tina"),
            samples=("coffee.png",),
        ),
        draft(
            "A description, read aloud afterwards",
            Expected(outcomes=("succeeded",), words="an answer that fits the schema, its text read by a second call"),
            request_id=f"{run}-aloud",
            media=(MediaItem(kind="image", bucket=BUCKET, key="demo/rocket.jpg"),),
            profile="describe",
            speech=Speech(voice="Tina"),
            samples=("rocket.jpg",),
        ),
    )
