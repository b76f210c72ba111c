"""Pure: hypothesis strategies for every published value, and the smallest valid ones."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from media_contracts import (
    AnalysisCompleted,
    AnalysisProgress,
    AnalysisRequested,
    Attempt,
    Clip,
    ErrorInfo,
    EstimatedUsage,
    InputUsage,
    Limits,
    MediaItem,
    ModelChoice,
    Money,
    OutputUsage,
    Reasoning,
    RequestRef,
    Speech,
    Turn,
    Usage,
    WorkerInfo,
)

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

# Surrogates are no text: JSON in UTF-8 cannot carry them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
seconds = st.floats(min_value=0, max_value=1e6)
counts = st.integers(min_value=0, max_value=2**40)
request_ids = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128)
tenants = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
labels = st.dictionaries(names, texts, max_size=3)
instants = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone
amounts = st.integers(min_value=0, max_value=10**21 - 1).map(lambda nanos: Decimal(nanos).scaleb(-9))
currencies = st.sampled_from(["USD", "CNY", "EUR"])
money = st.builds(Money.of, amounts, currencies)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def optional(strategy):
    return st.none() | strategy


clips = st.builds(
    lambda start, length: Clip(start_seconds=start, end_seconds=start + length),
    st.floats(min_value=0, max_value=1e4),
    st.floats(min_value=0.001, max_value=1e4),
)
urls = names.map(lambda name: "https://media.example.com/" + "".join(name.split()))
stored = st.builds(
    MediaItem,
    kind=st.sampled_from(["image", "audio", "video"]),
    bucket=names,
    key=names,
    version_id=optional(names),
    content_type=optional(names),
)
clipped = st.builds(MediaItem, kind=st.sampled_from(["audio", "video"]), url=urls, clip=clips)
frames = st.builds(
    MediaItem,
    kind=st.just("frames"),
    bucket=names,
    keys=st.lists(names, min_size=1, max_size=3).map(tuple),
    fps=optional(st.floats(min_value=0.1, max_value=60)),
)
media_items = stored | clipped | frames
requests = st.builds(
    AnalysisRequested,
    request_id=request_ids,
    tenant=tenants,
    rerun=counts,
    media=st.lists(media_items, min_size=1, max_size=2).map(tuple),
    profile=optional(names),
    instruction=optional(texts),
    output_schema=optional(st.dictionaries(texts, json_values, max_size=3)),
    language=optional(st.sampled_from(["en", "zh-Hans", "de-CH-1996"])),
    model=st.builds(
        ModelChoice,
        name=optional(names),
        fallbacks=st.lists(names, max_size=2).map(tuple),
        detail=st.sampled_from(["quick", "extract", "standard", "fine"]),
        reasoning=optional(
            st.builds(
                Reasoning, enabled=optional(st.booleans()), effort=optional(names), budget_tokens=optional(counts)
            )
        ),
        search=optional(st.booleans()),
        temperature=optional(st.floats(min_value=0, max_value=2)),
        seed=optional(st.integers(-(2**53) + 1, 2**53 - 1)),
        max_output_tokens=optional(st.integers(1, 131072)),
    ),
    speech=optional(st.builds(Speech, voice=names, model=optional(names), language=optional(st.just("en")))),
    history=st.lists(st.builds(Turn, role=st.sampled_from(["user", "assistant"]), text=texts), max_size=2).map(tuple),
    limits=st.builds(Limits, max_cost=optional(money), max_input_tokens=optional(counts), deadline=optional(instants)),
    route=st.sampled_from(["auto", "live", "batch", "transcribe"]),
    on_segment_failure=st.sampled_from(["fail", "partial"]),
    progress=st.booleans(),
    labels=labels,
)


@st.composite
def usages(draw) -> Usage:
    inputs = draw(st.lists(counts, min_size=4, max_size=4))
    outputs = draw(st.lists(counts, min_size=3, max_size=3))
    total_in, total_out, calls = sum(inputs), sum(outputs), draw(st.integers(1, 5))

    def reported(values):
        return [value if draw(st.booleans()) else None for value in values] if draw(st.booleans()) else values

    return Usage(
        input_tokens=total_in,
        output_tokens=total_out,
        total_tokens=total_in + total_out,
        input=InputUsage(**dict(zip(("text", "image", "video", "audio"), reported(inputs), strict=True))),
        cached_input_tokens=draw(optional(st.integers(0, total_in))),
        output=OutputUsage(**dict(zip(("text", "audio", "reasoning"), reported(outputs), strict=True))),
        calls=calls,
        estimated=EstimatedUsage(
            calls=draw(st.integers(0, calls)),
            input_tokens=draw(st.integers(0, total_in)),
            output_tokens=draw(st.integers(0, total_out)),
        ),
    )


request_refs = st.builds(RequestRef, source=names, event_id=optional(names), rerun=counts, accepted_at=instants)


@st.composite
def completions(draw) -> AnalysisCompleted:
    calls = draw(st.lists(usages(), max_size=3))
    succeeded = draw(st.booleans())
    attempts = tuple(
        Attempt(
            number=number,
            kind="analysis",
            model="m",
            outcome="failed",
            usage=usage,
            cost=draw(optional(money)),
            basis="mixed",
        )
        for number, usage in enumerate(calls, 1)
    )
    error = ErrorInfo(code="internal_error", message="m", stage="ask", retryable=False)
    return AnalysisCompleted(
        request_id=draw(request_ids),
        tenant=draw(tenants),
        labels=draw(labels),
        request=draw(request_refs),
        outcome="succeeded" if succeeded else "failed",
        result=draw(json_values) if succeeded else None,
        error=None if succeeded else error,
        usage=Usage.sum(calls),
        attempts=attempts,
        completed_at=draw(instants),
        worker=WorkerInfo(name="w", version="0.1.0"),
    )


progress_reports = st.builds(
    AnalysisProgress,
    request_id=request_ids,
    tenant=tenants,
    labels=labels,
    request=request_refs,
    attempt=st.integers(1, 9),
    sequence=st.integers(1, 99),
    stage=names,
    fields=st.dictionaries(texts, json_values, max_size=3),
    segment=optional(counts),
)


def a_request(**changes) -> AnalysisRequested:
    given = {"request_id": "order-1842", "media": (MediaItem(kind="image", bucket="media", key="a.jpg"),)}
    return AnalysisRequested(**{**given, **changes})


def a_usage(input_tokens: int = 10, output_tokens: int = 2, **changes) -> Usage:
    given = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "calls": 1,
    }
    return Usage(**{**given, **changes})


def a_completion(**changes) -> AnalysisCompleted:
    given = {
        "request_id": "order-1842",
        "tenant": "default",
        "request": RequestRef(source="/shop", accepted_at=NOW),
        "outcome": "succeeded",
        "result": {"description": "A harbour."},
        "usage": a_usage(),
        "attempts": (
            Attempt(number=1, kind="analysis", model="m", outcome="succeeded", usage=a_usage(), basis="reported"),
        ),
        "completed_at": NOW,
        "worker": WorkerInfo(name="w", version="0.1.0"),
    }
    return AnalysisCompleted(**{**given, **changes})
