"""The share of the stream corpus that every test run reads; the whole: python -m tests.corpus."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from analysis_worker.provider.stream import StreamReader
from tests.corpus import reading
from tests.corpus.report import read_corpus
from tests.corpus.streams import ENDINGS, FAULTS, PLACES, make_case

STREAMS = 4_000


@pytest.fixture(scope="module")
def report():
    found = read_corpus(streams=STREAMS, bytewise_every=20)
    sys.stdout.write("\n".join(found.lines()))  # pytest -s shows it
    return found


def test_every_stream_is_read_as_its_truth_says_in_whatever_chunks(report):
    assert report.faults == ()


def test_no_stream_passes_for_complete_that_is_not(report):
    assert report.false_complete == ()


def test_the_tally_of_what_was_reported_is_exact(report):
    assert report.reported > STREAMS / 3
    assert report.tally_error == 0


def test_the_estimate_of_what_was_not_reported_is_not_low(report):
    assert len(report.estimate_errors) > STREAMS / 10
    assert report.quantile(0.05) >= 0
    assert report.quantile(0.5) < 1


def test_the_corpus_has_every_ending_and_every_place(report):
    assert set(report.endings) == set(ENDINGS)
    assert set(report.places) == set(PLACES)
    assert {make_case(number).fault for number in range(300)} == set(FAULTS)


def test_a_stream_of_the_corpus_is_the_same_every_time():
    assert [make_case(number) for number in range(50)] == [make_case(number) for number in range(50)]


def test_a_reader_that_takes_the_end_of_the_stream_for_the_end_of_the_answer_is_caught():
    """What peers do: a connection that closes in order is a success, and the JSON is not looked at."""

    class Gullible(StreamReader):
        def finish(self, end, now):
            answer = super().finish(end, now)
            return dataclasses.replace(answer, ending="finished", provider_error=None)

    def is_false(case):
        answer = Gullible(started_at=0.0)
        answer.feed(case.wire, 1.0)
        return reading.answer_fault(answer.finish(case.end, 1.0)) is None and not case.truth.is_complete

    assert sum(is_false(make_case(number)) for number in range(300)) > 60
