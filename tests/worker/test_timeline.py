"""Times of segments are in order, forwards, and within the medium; a pointer that leads nowhere is no fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.timeline import SLACK_SECONDS, timeline_faults


def faults(*times, duration_seconds=10.0):
    cues = [{"start_seconds": start, "end_seconds": end} for start, end in times]
    found = timeline_faults({"cues": cues}, timelines=["/cues"], duration_seconds=duration_seconds)
    return [fault.path for fault in found]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([(0, 2), (2, 4.5), (4.5, 10)], []),
        ([(0, 3), (1, 2), (1, 9)], []),
        ([(0, 0)], []),
        ([(0, 11)], []),
        ([(None, None), (1, None)], []),
        ([(3, 2)], ["/cues/0/end_seconds"]),
        ([(-1, 2)], ["/cues/0/start_seconds"]),
        ([(5, 6), (4, 7)], ["/cues/1/start_seconds"]),
        ([(5, 6), (4, 7), (4.5, 8)], ["/cues/1/start_seconds", "/cues/2/start_seconds"]),
        ([(0, 11.5)], ["/cues/0/end_seconds"]),
        ([(90, 95)], ["/cues/0/start_seconds", "/cues/0/end_seconds"]),
    ],
)
def test_times_are_in_order_forwards_and_within_the_medium(times, expected):
    assert faults(*times) == expected


def test_without_a_duration_only_the_order_counts():
    assert faults((0, 9_999), duration_seconds=None) == []


@pytest.mark.parametrize("value", [None, [], {}, {"cues": None}, {"cues": {"a": 1}}, {"cues": [1, None, "x", {}]}])
def test_what_is_no_timeline_has_no_faults(value):
    assert timeline_faults(value, timelines=["/cues", "/a/b"], duration_seconds=1.0) == ()


def test_at_most_twenty_faults_are_listed():
    assert len(faults(*[(9, 1)] * 500)) == 20


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), max_size=8))
def test_a_sorted_timeline_within_the_medium_is_good(pairs):
    times = sorted(tuple(sorted(pair)) for pair in pairs)
    assert faults(*times, duration_seconds=50 - SLACK_SECONDS) == []
