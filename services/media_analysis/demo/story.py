"""Pure: what the demo sends, in order, and how each of it has to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from media_analysis.demo.cases import ANSWERED, BUCKET, Case, Draft, Expected, draft
from media_analysis.demo.story_long import SLOWLY, growing, long_ones
from media_analysis.demo.story_media import OTHER_MODEL, beyond_pictures
from media_contracts import (
    KafkaRecord,
    Limits,
    MediaItem,
    ModelChoice,
    Money,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = "/media-analysis/demo"
SCENARIO: Final[Mapping[str, Any]] = {
    "default": {"first_token_seconds": 0.35, "chunk_seconds": 0.02},
    "rules": [
        {"match": {"contains": SLOWLY}, "do": {"chunk_seconds": 0.03}},
        {"match": {"contains": "of a longer one"}, "do": {"chunk_characters": 128}},
        {"match": {"model": OTHER_MODEL, "nth": 1}, "do": {"fault": "throttle_requests", "retry_after_seconds": 1}},
    ],
}
"""How the simulator behaves: the pace of an answer, and one refusal (429) of the other model's first call.

Segments are answered in larger chunks: there is much to say of them.
"""

_CAT_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "animal": {"type": "string"},
        "eyes_visible": {"type": "integer", "minimum": 0, "maximum": 2},
        "fur_colours": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4},
        "calm": {"type": "boolean"},
    },
    "required": ["animal", "eyes_visible", "fur_colours", "calm"],
    "additionalProperties": False,
}


AGAIN: Final = Expected(outcomes=("succeeded",), words="the same completion again, without a call to the model")


def _refused(code: str, *more: str) -> Expected:
    return Expected(outcomes=("rejected",), codes=(code, *more), words=f"rejected as {code}, without a call")


def build_cases(run: str) -> tuple[Case, ...]:
    """Return the story; `run` makes its request ids new, because an answered id is never asked twice."""
    drafts = (
        *_photographs(run),
        *_ways_to_ask(run),
        *beyond_pictures(run),
        *long_ones(run),
        *growing(run),
        *_short_answers(run),
        *_refusals(run),
        *_repeats(run),
    )
    return tuple(
        Case(number=number, title=title, expected=expected, **fields)
        for number, (title, expected, fields) in enumerate(drafts, start=1)
    )


def _image(*names: str, folder: str = "demo", bucket: str = BUCKET) -> tuple[MediaItem, ...]:
    return tuple(MediaItem(kind="image", bucket=bucket, key=f"{folder}/{name}") for name in names)


def _first(run: str) -> dict[str, Any]:
    return {
        "request_id": f"{run}-describe",
        "media": _image("coffee.png"),
        "profile": "describe",
        "samples": ("coffee.png",),
    }


def _photographs(run: str) -> tuple[Draft, ...]:
    """The shipped profiles on photographs; the first one's number is 1, which the repeats name."""
    return (
        draft("Describe a photograph", ANSWERED, **_first(run)),
        draft("The same request again, while asked", AGAIN, repeats=1, **_first(run)),
        draft(
            "Read the visible text",
            ANSWERED,
            request_id=f"{run}-text",
            media=_image("text.png"),
            profile="visible_text",
            samples=("text.png",),
        ),
        draft(
            "Moderate a photograph",
            ANSWERED,
            request_id=f"{run}-moderate",
            media=_image("astronaut.png"),
            profile="moderation",
            samples=("astronaut.png",),
        ),
    )


def _ways_to_ask(run: str) -> tuple[Draft, ...]:
    """What else a request can say about its pictures."""
    return (
        draft(
            "A question in free words",
            ANSWERED,
            request_id=f"{run}-question",
            media=_image("rocket.jpg"),
            profile="answer",
            instruction="How many towers stand around the rocket, and what time of day is it?",
            samples=("rocket.jpg",),
        ),
        draft(
            "An output schema of its own",
            ANSWERED,
            request_id=f"{run}-schema",
            media=_image("chelsea.png"),
            instruction="Describe the animal.",
            output_schema=_CAT_SCHEMA,
            samples=("chelsea.png",),
        ),
        draft(
            "The answer asked for in Chinese",
            ANSWERED,
            request_id=f"{run}-language",
            media=_image("coffee.png"),
            profile="describe",
            language="zh-Hans",
            model=ModelChoice(detail="quick"),
            samples=("coffee.png",),
        ),
        draft(
            "Another tenant, with labels",
            ANSWERED,
            request_id=f"{run}-tenant",
            tenant="acme",
            media=_image("chelsea.png", folder="acme"),
            profile="describe",
            labels={"order": "2026-117", "team": "pets"},
            samples=("chelsea.png",),
        ),
        draft(
            "Three pictures in one request",
            ANSWERED,
            request_id=f"{run}-several",
            media=_image("astronaut.png", "rocket.jpg", "coffee.png"),
            profile="answer",
            instruction="What do these pictures have in common?",
            samples=("astronaut.png", "rocket.jpg", "coffee.png"),
        ),
    )


def _short_answers(run: str) -> tuple[Draft, ...]:
    """A room that is too small for the answer: more is given where the budget allows it."""
    truncated = Expected(
        outcomes=("failed",), codes=("answer_truncated",), words="failed as answer_truncated: a prefix is no answer"
    )
    return (
        draft(
            "16 tokens, then more: asked again",
            ANSWERED,
            request_id=f"{run}-longer",
            media=_image("coffee.png"),
            profile="describe",
            model=ModelChoice(max_output_tokens=16),
            samples=("coffee.png",),
        ),
        draft(
            "16 tokens, no money for more",
            truncated,
            request_id=f"{run}-short",
            media=_image("coffee.png"),
            profile="describe",
            model=ModelChoice(max_output_tokens=16),
            limits=Limits(max_cost=Money(amount="0.008", currency="CNY")),
            samples=("coffee.png",),
        ),
    )


def _refusals(run: str) -> tuple[Draft, ...]:
    """What must end without an answer, each for its own reason."""
    dead = Expected(outcomes=("dead letter",), codes=("not_json",), words="a dead letter, not_json")
    raw = {"raw": b"analyse the coffee please"}
    return (
        draft(
            "Expired before it was read",
            _refused("deadline_exceeded"),
            request_id=f"{run}-expired",
            media=_image("coffee.png"),
            expired=True,
            samples=("coffee.png",),
        ),
        draft(
            "A budget that is too small",
            _refused("budget_exceeded"),
            request_id=f"{run}-budget",
            media=_image("coffee.png"),
            limits=Limits(max_cost=Money(amount="0.000001", currency="CNY")),
            samples=("coffee.png",),
        ),
        draft(
            "A bucket that is not allowed",
            _refused("media_forbidden"),
            request_id=f"{run}-forbidden",
            media=_image("plans.png", bucket="secret"),
        ),
        draft(
            "An object that is not there",
            _refused("media_missing"),
            request_id=f"{run}-missing",
            media=_image("nothing.png"),
        ),
        draft(
            "A text file called photo.jpg",
            _refused("media_undecodable", "media_type_mismatch"),
            request_id=f"{run}-disguised",
            media=_image("photo.jpg"),
        ),
        ("Not a request at all", dead, raw),
    )


def _repeats(run: str) -> tuple[Draft, ...]:
    return (draft("The same request again, answered", AGAIN, repeats=1, after_answer=True, **_first(run)),)


def raw_record(value: bytes) -> KafkaRecord:
    """Return a record that claims to be a request and is none."""
    headers = (("ce_specversion", b"1.0"), ("ce_type", topics.REQUESTED.encode()), ("ce_id", b"no-request"))
    more = (("ce_source", SOURCE.encode()), ("content-type", b"application/json"))
    return KafkaRecord(topic=topics.REQUESTED, key=b"no-request", value=value, headers=(*headers, *more))
