"""Completions, traces and whole reports for the tests of the command line, made from the contracts' own models."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from media_analysis.report import Check, DeadLetter, Entry, Moment, Picture, Report, Span
from media_contracts import (
    AnalysisCompleted,
    Attempt,
    Cost,
    ErrorInfo,
    InputUsage,
    MediaInfo,
    Money,
    OutputUsage,
    ProfileRef,
    RequestRef,
    SegmentInfo,
    Timings,
    Usage,
    WorkerInfo,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def usage(*, text: int = 210, image: int = 258, out: int = 96) -> Usage:
    return Usage(
        input_tokens=text + image,
        output_tokens=out,
        total_tokens=text + image + out,
        input=InputUsage(text=text, image=image, video=0, audio=0),
        cached_input_tokens=0,
        output=OutputUsage(text=out, audio=0, reasoning=0),
        calls=1,
    )


def succeeded(
    request_id: str = "photo-1", *, result: Any = None, model: str = "qwen3.5-omni-plus", **fields: Any
) -> AnalysisCompleted:
    spent = usage()
    return AnalysisCompleted(
        **{
            "request_id": request_id,
            "tenant": "default",
            "request": RequestRef(source="/demo", event_id="e-1", accepted_at=NOON),
            "outcome": "succeeded",
            "result": {"description": "A cup of coffee.", "objects": ["cup", "spoon"], "score": 0.75, "ok": True}
            if result is None
            else result,
            "profile": ProfileRef(name="describe", version="1", schema_sha256="0" * 64),
            "model": model,
            "finish_reason": "stop",
            "usage": spent,
            "cost": Cost(
                amount="0.007116",
                currency="CNY",
                by={"input_text": "0.00147", "input_image": "0.001806", "output_text": "0.00384"},
                price_list="test",
            ),
            "attempts": (
                Attempt(
                    number=1,
                    kind="analysis",
                    model=model,
                    outcome="succeeded",
                    usage=spent,
                    cost=Money(amount="0.007116", currency="CNY"),
                    basis="reported",
                ),
            ),
            "media": (
                MediaInfo(
                    index=0,
                    kind="image",
                    bucket="media",
                    key="demo/coffee.png",
                    delivery="inline",
                    width=600,
                    height=400,
                ),
            ),
            "timings": Timings(
                queued_seconds=0.012,
                fetch_seconds=0.02,
                first_token_seconds=0.31,
                stream_seconds=0.6,
                total_seconds=1.2,
            ),
            "trace_id": TRACE,
            "completed_at": NOON,
            "worker": WorkerInfo(name="media-analysis", version="0.1.0"),
            **fields,
        }
    )


def in_segments(
    request_id: str = "film-1", *, result: Any = None, length: float = 250.0, failed: int | None = 1
) -> AnalysisCompleted:
    """A film in three segments, one of which failed, and the call that reduced the others."""
    spans = [(0.0, length / 3 + 2), (length / 3, 2 * length / 3 + 2), (2 * length / 3, length)]
    cost = Money(amount="0.005", currency="CNY")
    segments = tuple(
        SegmentInfo(
            index=index,
            media_index=0,
            start_seconds=start,
            end_seconds=end,
            outcome="failed" if index == failed else "succeeded",
            usage=usage(),
            cost=cost,
            error=ErrorInfo(code="content_filtered", message="m", stage="ask", retryable=False)
            if index == failed
            else None,
        )
        for index, (start, end) in enumerate(spans)
    )
    attempts = tuple(
        Attempt(
            number=number,
            kind="reduce" if number == 4 else "segment",
            segment=None if number == 4 else number - 1,
            model="qwen-plus" if number == 4 else "qwen3.5-omni-plus",
            outcome="content_filtered" if number - 1 == failed else "succeeded",
            usage=usage(),
            cost=cost,
            basis="reported",
        )
        for number in range(1, 5)
    )
    return succeeded(
        request_id,
        result=result,
        coverage="complete" if failed is None else "partial",
        segments=segments,
        attempts=attempts,
        usage=Usage.sum(attempt.usage for attempt in attempts),
        cost=Cost(amount="0.02", currency="CNY", price_list="test"),
        media=(MediaInfo(index=0, kind="video", bucket="media", key="demo/long.mp4", duration_seconds=length),),
    )


def ended(outcome: str, code: str, message: str, request_id: str = "photo-2", stage: str = "plan") -> AnalysisCompleted:
    return AnalysisCompleted(
        request_id=request_id,
        tenant="default",
        request=RequestRef(source="/demo", accepted_at=NOON),
        outcome=outcome,
        error=ErrorInfo(code=code, message=message, stage=stage, retryable=False),
        usage=Usage.none(),
        completed_at=NOON,
        timings=Timings(queued_seconds=0.01, total_seconds=0.05),
        worker=WorkerInfo(name="media-analysis", version="0.1.0"),
    )


def thumbnail(color: str = "orange", size: tuple[int, int] = (320, 220), caption: str = "coffee.png") -> Picture:
    held = io.BytesIO()
    Image.new("RGB", size, color).save(held, "PNG")
    return Picture(data_uri="data:image/png;base64," + base64.b64encode(held.getvalue()).decode(), caption=caption)


def film_pictures() -> tuple[Picture, ...]:
    return tuple(thumbnail(color, (160, 90), caption) for color, caption in (("navy", "0:00"), ("teal", "2:05")))


def span(
    name: str, start: float, end: float, *, parent: str | None = "0" * 15 + "1", trace: str = TRACE, **fields: Any
) -> Span:
    base = int(NOON.timestamp() * 1e9)
    return Span(
        trace_id=trace,
        span_id=fields.pop("span_id", f"{hash((name, start)) & (2**64 - 1):016x}"),
        parent_id=parent,
        name=name,
        start_nanoseconds=base + int(start * 1e9),
        end_nanoseconds=base + int(end * 1e9),
        **fields,
    )


def trace_of_one_request() -> tuple[Span, ...]:
    base = int(NOON.timestamp() * 1e9)
    return (
        span("demo: publish → completion", 0, 1.21, parent=None, span_id="0" * 15 + "1"),
        span("analyse", 0.012, 1.2, span_id="0" * 15 + "2"),
        span("receive", 0.012, 0.014, parent="0" * 15 + "2"),
        span("recall", 0.014, 0.031, parent="0" * 15 + "2"),
        span("plan", 0.031, 0.25, parent="0" * 15 + "2", attributes={"estimate.input_tokens": 470}),
        span("ask", 0.25, 1.12, parent="0" * 15 + "2", span_id="0" * 15 + "3"),
        span(
            "chat qwen3.5-omni-plus",
            0.26,
            1.11,
            parent="0" * 15 + "3",
            client=True,
            attributes={"gen_ai.request.model": "qwen3.5-omni-plus", "gen_ai.usage.output_tokens": 96},
            moments=(Moment(name="first token", at_nanoseconds=base + 570_000_000),),
        ),
        span("validate", 1.12, 1.122, parent="0" * 15 + "2"),
        span("record", 1.122, 1.17, parent="0" * 15 + "2"),
        span("publish", 1.17, 1.2, parent="0" * 15 + "2"),
    )


def entry(number: int = 1, **fields: Any) -> Entry:
    done = fields.pop("completion", None)
    return Entry(
        **{
            "number": number,
            "request_id": done.request_id if done else f"photo-{number}",
            "title": "Describe a photograph",
            "expected": "succeeded",
            "as_expected": True,
            "requested": {
                "request_id": "photo-1",
                "media": [{"kind": "image", "bucket": "media", "key": "demo/coffee.png"}],
            },
            "completion": done,
            "completions": 1 if done else 0,
            **fields,
        }
    )


def report(*entries: Entry, **fields: Any) -> Report:
    return Report(
        **{
            "title": "Media analysis: demo report",
            "made_at": NOON,
            "simulated": True,
            "answers_from": "It measures the bytes it is sent and writes text that fits the schema; nothing here was understood.",
            "entries": entries,
            "seconds": 14.2,
            "calls_counted": 2,
            **fields,
        }
    )


def whole_story() -> Report:
    first = succeeded()
    return report(
        entry(1, completion=first, pictures=(thumbnail(),), spans=trace_of_one_request()),
        entry(
            2,
            title="The same request again",
            completion=first,
            completions=1,
            duplicate_of=1,
            spans=trace_of_one_request()[:4],
        ),
        entry(
            3,
            title="A bucket that is not allowed",
            completion=ended(
                "rejected",
                "media_forbidden",
                "bucket 'secret' is not allowed for tenant 'default': add it to S3_ALLOWED",
            ),
        ),
        entry(
            4,
            title="A provider that is down",
            completion=ended("failed", "deadline_exceeded", "deadline passed after 3 attempts", stage="ask"),
        ),
        entry(
            5,
            title="Not a request at all",
            requested="this is no JSON",
            dead_letter=DeadLetter(reason="not_json", message="(data): no JSON: Expecting value at 0"),
        ),
        entry(
            6,
            title="Several pictures",
            completion=succeeded("several"),
            pictures=(thumbnail("teal"), thumbnail("navy", (100, 300), "rocket.jpg")),
        ),
        checks=(
            Check(claim="every request ended once", holds=True, seen="6 of 6"),
            Check(claim="duplicates were not paid twice", holds=False, seen="3 calls for 2 answers"),
        ),
        notes=("coffee.png: Rachel Michetti, CC0 1.0",),
    )
