"""A request goes to a retry topic and comes back as it was, and never falls due after its deadline."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.retry_copy import delay_for, due_at, original, retry_copy
from analysis_worker.values import Delivered
from media_contracts import KafkaRecord, topics

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DAY = 86_400


def delivered(**changes):
    record = KafkaRecord(
        topic="tenant-a.requests",
        key=b"\xff",
        value=b"\x00",
        headers=(("n", None), ("n", b"\xfe"), ("retry-attempt", b"7"), ("retry-topic", b"other")),
    )
    return Delivered(record=record, partition=3, offset=9, timestamp_ms=1_790_000_000_123, **changes)


@given(st.integers(min_value=0, max_value=20))
def test_original_of_a_copy_is_the_request_however_often_it_was_put_off(times):
    request = original(delivered())
    for retries in range(times):
        delay = delay_for(attempt=request.retries + 1, wait_seconds=0, left_seconds=DAY)
        copy = retry_copy(request, delay, now=NOW)
        assert due_at(copy) == NOW.timestamp() + delay.seconds
        request = original(Delivered(record=copy, partition=3, offset=9, timestamp_ms=1))
        assert request.retries == retries + 1
    assert request.record.topic == "tenant-a.requests"
    assert (request.record.key, request.record.value) == (b"\xff", b"\x00")
    assert request.timestamp_ms == delivered().timestamp_ms


def test_headers_of_ours_mean_nothing_outside_a_retry_topic():
    request = delivered()
    assert original(request) == request
    assert due_at(request.record) < 0


def test_a_requests_own_retry_headers_do_not_come_back_as_ours():
    copy = retry_copy(delivered(), delay_for(attempt=1, wait_seconds=0, left_seconds=DAY), now=NOW)
    assert original(Delivered(record=copy, partition=0, offset=0, timestamp_ms=1)).record.topic == "tenant-a.requests"


@pytest.mark.parametrize(
    ("attempt", "wait_seconds", "left_seconds", "seconds"),
    [
        (1, 0, DAY, 30),
        (2, 0, DAY, 300),
        (3, 0, DAY, 3600),
        (9, 0, DAY, 3600),
        (1, 31, DAY, 300),
        (1, 9999, DAY, 3600),
        (3, 0, 3599, 300),
        (3, 0, 31, 30),
        (1, 0, 29, None),
        (1, 60, 100, None),
    ],
)
def test_the_delay_grows_and_covers_the_wait_and_ends_before_the_deadline(attempt, wait_seconds, left_seconds, seconds):
    delay = delay_for(attempt=attempt, wait_seconds=wait_seconds, left_seconds=left_seconds)
    assert (delay.seconds if delay else None) == seconds
    assert delay is None or (delay.topic, delay.seconds) in topics.RETRY_TOPICS


@given(st.binary(max_size=40), st.sampled_from(["retry-not-before", "retry-first-timestamp", "retry-attempt"]))
def test_damaged_headers_of_ours_are_passed_over(value, name):
    record = KafkaRecord(topic=topics.RETRY_TOPICS[0][0], key=None, value=b"", headers=((name, value),))
    due_at(record)
    assert original(Delivered(record=record, partition=0, offset=0, timestamp_ms=5)).retries >= 0
