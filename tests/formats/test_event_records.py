"""Reads the golden files of each release: events are written to the byte as they were, and old ones are still read.

`python tests/formats/test_event_records.py` writes the files of the release being made; those of past ones never change.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from media_contracts import (
    AnalysisCompleted,
    AnalysisProgress,
    AnalysisRequested,
    Artifact,
    Attempt,
    Clip,
    Cost,
    ErrorInfo,
    Estimate,
    EstimatedUsage,
    InputUsage,
    KafkaRecord,
    Limits,
    MediaInfo,
    MediaItem,
    ModelChoice,
    Money,
    OutputUsage,
    ProfileRef,
    Reasoning,
    RequestRef,
    ResultRef,
    SegmentInfo,
    Speech,
    Timings,
    Turn,
    Usage,
    WarningInfo,
    WorkerInfo,
    decode_completed,
    decode_progress,
    decode_requested,
    encode_completed,
    encode_event,
    headers,
    parse_instant,
    topics,
)

FOLDER = Path(__file__).parent
RELEASE = "0.1.0"
TIME = parse_instant("2026-11-20T09:30:00.720Z")
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "shop=42"}
DECODERS = {
    "requested": decode_requested,
    "completed": decode_completed,
    "failed": decode_completed,
    "progress": decode_progress,
}


def requested() -> KafkaRecord:
    """A request with every field."""
    picture = MediaItem(kind="image", bucket="media", key="größe.jpg", version_id="v1", content_type="image/jpeg")
    data = AnalysisRequested(
        request_id="order 1842",
        tenant="shop-eu",
        rerun=1,
        media=(
            picture,
            MediaItem(kind="video", url="https://cdn.example.com/a.mp4", clip=Clip(start_seconds=0, end_seconds=9.75)),
            MediaItem(kind="frames", bucket="media", keys=("1.jpg", "2.jpg"), fps=2),
            MediaItem(kind="frames", urls=("https://cdn.example.com/1.jpg",)),
        ),
        profile="product_video",
        instruction="The blue one.",
        output_schema={"type": "object"},
        language="de-CH",
        model=ModelChoice(
            name="qwen3.8-omni-flash",
            fallbacks=("qwen3.5-omni-plus",),
            detail="fine",
            reasoning=Reasoning(enabled=True, effort="low", budget_tokens=1024),
            search=True,
            temperature=0.2,
            seed=7,
            max_output_tokens=2000,
        ),
        speech=Speech(voice="Tina", model="qwen3.5-omni-plus", language="de"),
        history=(Turn(role="user", text="What is it?", media=(picture,)), Turn(role="assistant", text="A basket.")),
        limits=Limits(max_cost=Money(amount="0.25", currency="USD"), max_input_tokens=200_000, deadline=TIME),
        route="live",
        on_segment_failure="partial",
        progress=True,
        labels={"shop": "zürich"},
    )
    return encode_event(
        type=topics.REQUESTED,
        data=data,
        event_id="evt-1",
        source="/shop/catalogue",
        time=TIME,
        topic=topics.REQUESTED,
        key=b"\x00\xff",
        subject="order",
        extensions={"expirytime": "2026-11-20T10:30:00+01:00"},
        **TRACE,
    )


USAGE = Usage(
    input_tokens=1301,
    output_tokens=64,
    total_tokens=1365,
    input=InputUsage(text=120, image=1181, video=0, audio=0),
    cached_input_tokens=None,
    output=OutputUsage(text=64, audio=0, reasoning=0),
    calls=1,
    estimated=EstimatedUsage(calls=0, input_tokens=0, output_tokens=0),
)
COST = Money(amount="0.00022523", currency="USD")
REQUEST = RequestRef(source="/shop/catalogue", event_id="evt-1", rerun=1, accepted_at=TIME)
WORKER = WorkerInfo(name="analysis-worker-0", version=RELEASE)
ERROR = ErrorInfo(
    code="provider_throttled",
    message="429",
    stage="ask",
    retryable=True,
    provider_code="limit_requests",
    http_status=429,
)


def completed() -> KafkaRecord:
    """A success with every field; the answer's text has a number and white space that no JSON writer would make."""
    data = AnalysisCompleted(
        request_id="order 1842",
        tenant="shop-eu",
        labels={"shop": "zürich"},
        request=REQUEST,
        outcome="succeeded",
        coverage="partial",
        result={"price": 1.1},
        artifacts=(
            Artifact(
                role="speech", bucket="results", key="s.wav", sha256="ab" * 32, size_bytes=9, content_type="audio/wav"
            ),
        ),
        warnings=(WarningInfo(code="unknown_field", path="/priority", message="ignored"),),
        profile=ProfileRef(name="product_video", version="1", schema_sha256="cd" * 32),
        model="qwen3.8-omni-flash",
        finish_reason="stop",
        usage=USAGE,
        cost=Cost(
            amount="0.00022523",
            currency="USD",
            by={"input_text": "0.000018", "input_image": "0.00017715", "output_text": "0.00003008"},
            price_list="intl-2026-11",
            tariff="live",
        ),
        estimate=Estimate(input_tokens=1310, cost=COST),
        attempts=(
            Attempt(
                number=1,
                kind="segment",
                segment=0,
                model="m",
                outcome="succeeded",
                usage=USAGE,
                cost=COST,
                basis="reported",
            ),
        ),
        segments=(
            SegmentInfo(
                index=0, media_index=1, start_seconds=0, end_seconds=60, outcome="succeeded", usage=USAGE, cost=COST
            ),
            SegmentInfo(index=1, media_index=1, start_seconds=60, end_seconds=61.5, outcome="failed", error=ERROR),
        ),
        media=(
            MediaInfo(
                index=0,
                kind="image",
                bucket="media",
                key="größe.jpg",
                version_id="v1",
                etag="d41d8cd98f00b204e9800998ecf8427e",
                content_type="image/jpeg",
                width=1280,
                height=720,
                duration_seconds=None,
                fps=None,
                size_bytes=183_421,
                delivery="inline",
            ),
        ),
        timings=Timings(
            queued_seconds=0.12, fetch_seconds=0.03, first_token_seconds=0.41, stream_seconds=1.9, total_seconds=2.6
        ),
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        completed_at=TIME,
        worker=WORKER,
    )
    return encode_completed(
        data,
        result_json=b'{ "price": 1.10 }',
        event_id="ef" * 32,
        source="/media-analysis",
        time=TIME,
        key=b"\x00\xff",
        **TRACE,
    )


def failed() -> KafkaRecord:
    """The shortest completion that is not a success."""
    data = AnalysisCompleted(
        request_id="a",
        tenant="default",
        request=REQUEST,
        outcome="failed",
        error=ERROR,
        usage=Usage.none(),
        completed_at=TIME,
        worker=WORKER,
    )
    return encode_completed(data, result_json=None, event_id="e", source="/media-analysis", time=TIME, key=None)


def progress() -> KafkaRecord:
    """A progress report with every field."""
    data = AnalysisProgress(
        request_id="a",
        tenant="default",
        labels={},
        request=REQUEST,
        attempt=1,
        sequence=2,
        stage="ask",
        fields={"/product_features/0": "waterproof"},
        segment=3,
    )
    return encode_event(
        type=topics.PROGRESS,
        data=data,
        event_id="p",
        source="/media-analysis",
        time=TIME,
        topic=topics.PROGRESS,
        key=None,
    )


RECORDS = {"requested": requested, "completed": completed, "failed": failed, "progress": progress}
REFERENCE = ResultRef(bucket="results", key="r.json", sha256="ab" * 32, size_bytes=2)


def to_golden(record: KafkaRecord) -> dict:
    return {
        "topic": record.topic,
        "key_base64": None if record.key is None else base64.b64encode(record.key).decode(),
        "headers": [[name, None if value is None else value.decode()] for name, value in record.headers],
        "value": record.value.decode(),
    }


def from_golden(path: Path) -> KafkaRecord:
    golden = json.loads(path.read_text(encoding="utf-8"))
    key = golden["key_base64"]
    return KafkaRecord(
        topic=golden["topic"],
        key=None if key is None else base64.b64decode(key),
        value=golden["value"].encode(),
        headers=tuple((name, None if value is None else value.encode()) for name, value in golden["headers"]),
    )


def names() -> dict[str, str]:
    """The names of headers and topics, which outlive every release."""
    constants = {**vars(headers), **vars(topics)}
    return {name: value for name, value in constants.items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_written_to_the_byte_as_the_golden_file_says(name):
    golden = from_golden(FOLDER / RELEASE / f"{name}.record.json")
    assert RECORDS[name]() == golden, "a wire format changed: is that a new minor version, or a mistake?"


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*/*.record.json")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_record_of_any_release_is_read(path):
    event = DECODERS[path.name.split(".")[0]](from_golden(path))
    assert event.unknown_fields == ()
    assert event.time == TIME


def test_a_golden_request_and_completion_use_every_field():
    written = json.loads(requested().value)
    assert set(written) == set(AnalysisRequested.model_fields)
    assert set(json.loads(completed().value)) == set(AnalysisCompleted.model_fields)


def test_an_answers_text_stands_in_the_golden_completion_as_the_model_wrote_it():
    assert completed().value.endswith(b'"result":{ "price": 1.10 }}')


def test_a_reference_to_a_result_has_the_fields_of_the_design():
    assert REFERENCE.model_dump() == {
        "bucket": "results",
        "key": "r.json",
        "sha256": "ab" * 32,
        "size_bytes": 2,
        "content_type": "application/json",
    }


def test_names_of_topics_and_headers_never_change():
    golden = json.loads((FOLDER / RELEASE / "names.json").read_text(encoding="utf-8"))
    assert {name: value for name, value in names().items() if name in golden} == golden
    assert set(golden) == set(names()), "a new name: write the golden files of the release being made"


if __name__ == "__main__":
    for made, build in RECORDS.items():
        text = json.dumps(to_golden(build()), indent=2, ensure_ascii=False)
        (FOLDER / RELEASE / f"{made}.record.json").write_text(text + "\n", encoding="utf-8")
    (FOLDER / RELEASE / "names.json").write_text(json.dumps(names(), indent=2) + "\n", encoding="utf-8")
