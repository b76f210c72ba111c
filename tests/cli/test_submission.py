"""What a person types becomes a request: amounts, deadlines, labels, kinds, and the record that carries it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from media_analysis.submission import kind_of, merge, read_deadline, read_labels, read_money, submission
from media_contracts import AnalysisRequested, Identity, decode_requested

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0.10CNY", "0.10 CNY", " 0.10cny "])
def test_money_is_read_with_its_currency(text: str) -> None:
    assert read_money(text) == {"amount": "0.10", "currency": "CNY"}


@pytest.mark.parametrize("text", ["", "0.10", "CNY", "-1CNY", "1 CNYX"])
def test_what_is_no_money_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write e\.g\. 0\.10CNY"):
        read_money(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("+1.5m", 90), ("2026-11-20T13:00:00+01:00", 0)]
)
def test_a_deadline_is_a_duration_from_now_or_an_instant(text: str, seconds: float) -> None:
    assert read_deadline(text, now=NOW) == NOW + timedelta(seconds=seconds)


def test_a_deadline_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        read_deadline("2026-11-20T13:00:00", now=NOW)


def test_a_label_keeps_its_later_equal_signs() -> None:
    assert read_labels(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


def test_a_label_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="write key=value"):
        read_labels(["a"])


def test_the_kind_of_a_medium_is_seen_in_its_type_or_asked_for() -> None:
    assert kind_of("a.jpg", "image/jpeg") == "image"
    with pytest.raises(ValueError, match="add --kind"):
        kind_of("a.bin", "application/octet-stream")


def test_options_are_laid_over_the_document_map_by_map() -> None:
    document = {"tenant": "a", "limits": {"max_input_tokens": 5}, "labels": {"x": "1"}}
    given = {
        "tenant": None,
        "limits": {"max_cost": None, "deadline": "d"},
        "labels": {"y": "2"},
        "model": {"name": None},
    }
    assert merge(document, given) == {
        "tenant": "a",
        "limits": {"max_input_tokens": 5, "deadline": "d"},
        "labels": {"x": "1", "y": "2"},
    }


def test_the_record_is_a_request_that_starts_a_sampled_trace_and_names_its_completion() -> None:
    request = AnalysisRequested(request_id="r-1", instruction="Say hello.", labels={"a": "b"})
    sent = submission(
        request, now=NOW, event_id="e-1", trace_id="a" * 32, span_id="b" * 16, expires_at=NOW + timedelta(seconds=5)
    )
    event = decode_requested(sent.record)
    assert event.data == request
    assert event.expires_at == NOW + timedelta(seconds=5)
    assert event.traceparent == f"00-{'a' * 32}-{'b' * 16}-01"
    assert sent.record.key == b"r-1"
    assert (
        sent.completion_id == Identity(tenant="default", source=event.source, request_id="r-1", rerun=0).completion_id()
    )
