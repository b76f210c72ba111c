"""What a library repeats is written now and then, with how often it was not; everything else always."""

from __future__ import annotations

import logging

import pytest

from analysis_worker.logs import RepeatFilter


def record(created, *, name="aiokafka.conn", line=10, level=logging.ERROR):
    made = logging.LogRecord(name, level, "client.py", line, "no answer", (), None)
    made.created = created
    return made


@pytest.fixture
def passes():
    return RepeatFilter(library="aiokafka", seconds=10).filter


def test_one_line_of_a_place_passes_every_ten_seconds_and_says_how_many_did_not(passes):
    written = [one for one in (record(1_000 + tenth / 10) for tenth in range(250)) if passes(one)]
    assert [(one.created, one.held_back) for one in written] == [(1_000, None), (1_010, 99), (1_020, 99)]


def test_other_places_levels_and_loggers_are_not_held_back(passes):
    assert passes(record(1_000))
    assert passes(record(1_000, line=11))
    assert passes(record(1_000, level=logging.WARNING))
    assert all(passes(record(1_000, name="analysis_worker.kafka.consumer")) for _ in range(3))
    assert all(passes(record(1_000, name="aiokafkas")) for _ in range(3))


def test_a_clock_that_was_set_back_silences_nothing(passes):
    assert passes(record(1_000))
    assert passes(record(10))
