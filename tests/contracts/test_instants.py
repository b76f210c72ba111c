"""Pure: instants are read with any offset and written in UTC with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from media_contracts import Limits, format_instant, parse_instant
from tests.contracts.strategies import instants

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(instants, offsets)
def test_the_same_instant_is_written_alike_whatever_its_offset(instant, offset):
    assert format_instant(instant.astimezone(offset)) == format_instant(instant)


@given(instants, offsets)
def test_reading_what_python_writes_gives_the_instant_cut_to_milliseconds(instant, offset):
    read = parse_instant(instant.astimezone(offset).isoformat())
    assert timedelta(0) <= instant - read < timedelta(milliseconds=1)
    assert read.tzinfo is UTC


@given(instants)
def test_writing_and_reading_again_changes_nothing(instant):
    text = format_instant(instant)
    assert format_instant(parse_instant(text)) == text
    assert text.endswith("Z")
    assert len(text) == len("2026-11-20T09:30:00.000Z")


@given(instants, offsets, st.integers(0, 9), st.booleans())
def test_every_instant_that_we_read_is_read_by_the_sdk_too(instant, offset, digits, lower):
    fraction = f".{'123456789'[:digits]}" if digits else ""
    text = (
        instant.astimezone(offset).strftime("%Y-%m-%dT%H:%M:%S")
        + fraction
        + instant.astimezone(offset).isoformat()[-6:]
    )
    text = text.lower() if lower else text
    parse_instant(text)
    headers = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s", "ce_type": "t", "ce_time": text}
    message = KafkaMessage({name: value.encode() for name, value in headers.items()}, None, b"")
    assert from_binary(message, JSONFormat()).get_time() is not None


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-11-20",
        "2026-11-20T09:30:00",
        "2026-11-20 09:30:00Z",
        "20261120T093000Z",
        "2026-11-20T09:30Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-11-20T09:30:00+0100",
        "2026-11-20T09:30:00+24:00",
        "٢٠٢٦-11-20T09:30:00Z",
        "2026-11-20T09:30:00Z\n",
    ],
)
def test_anything_else_is_refused_with_its_text(text):
    with pytest.raises(ValueError, match=r"no RFC 3339 instant|no instant that exists"):
        parse_instant(text)


@pytest.mark.parametrize("number", ["1795167000", "1795167000.5", "true", "[]"])
def test_a_number_is_no_instant(number):
    with pytest.raises(ValidationError, match="RFC 3339 text"):
        Limits.model_validate_json(f'{{"deadline": {number}}}')


def test_a_datetime_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="aware"):
        format_instant(datetime(2026, 11, 20))  # noqa: DTZ001  the case under test
