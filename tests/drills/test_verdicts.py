"""Verdicts find what breaks the table: counters that hold pass, each counter that does not is named."""

from __future__ import annotations

import pytest

from tests.drills import chaos, crash_loop, held_head, io_points, poll_interval, soak
from tests.drills.accounting import common_faults
from tests.drills.io_points import Point, points_of

GOOD = {
    "requests": 500,
    "completions": 500,
    "lost": 0,
    "completion_ids": 500,
    "duplicates": 20,
    "duplicates_that_differ": 0,
    "dead_letters": 0,
    "unreadable": 0,
    "outcomes": {"succeeded": 500},
    "error_codes": {},
    "calls": 503,
    "paid_calls": 503,
    "paid_calls_beyond_one": 3,
    "usage_calls": 503,
    "estimated_calls": 3,
    "closed_calls_unknown_to_simulator": 0,
    "calls_not_told": 0,
    "calls_told_and_never_received": 0,
    "open_calls_not_flagged": 0,
    "claims_open_at_kills": 2,
    "calls_cut_at_drains": 1,
    "starts_without_a_death": 0,
    "workers_that_crashed": 0,
    "bad_exit_codes": 0,
}


@pytest.mark.parametrize(
    "broken",
    [
        {"lost": 1},
        {"duplicates_that_differ": 1},
        {"unreadable": 1},
        {"calls_not_told": 1},
        {"closed_calls_unknown_to_simulator": 1},
        {"open_calls_not_flagged": 1},
        {"completion_ids": 501},
        {"calls_told_and_never_received": 4},
    ],
)
def test_what_no_drill_may_show(broken):
    assert common_faults(GOOD) == []
    assert common_faults(GOOD | broken)


@pytest.mark.parametrize("broken", [{"paid_calls_beyond_one": 4}, {"starts_without_a_death": 1}, {"bad_exit_codes": 1}])
def test_chaos_allows_only_what_kills_and_drains_left_open(broken):
    assert chaos.verdict(GOOD) == []
    assert chaos.verdict(GOOD | broken)


def test_every_operation_has_two_points_and_repeats_are_numbered():
    assert points_of(["a", "b", "a"]) == [
        Point(name=name, nth=nth, phase=phase)
        for name, nth in (("a", 1), ("b", 1), ("a", 2))
        for phase in ("before", "after")
    ]


def a_point(**changes):
    return {
        "operation": "s3 PUT answer.json 1",
        "phase": "after",
        "answer_acknowledged": True,
        "completion_ids": 1,
        "paid_calls": 1,
    } | changes


@pytest.mark.parametrize(
    ("point", "holds"),
    [
        (a_point(), True),
        (a_point(paid_calls=2), False),
        (a_point(paid_calls=2, answer_acknowledged=False), True),
        (a_point(paid_calls=3, answer_acknowledged=False), False),
        (a_point(completion_ids=2), False),
    ],
)
def test_an_acknowledged_answer_is_never_paid_for_again(point, holds):
    counters = GOOD | {"operations": ["x"] * io_points.LEAST_OPERATIONS, "points": [point]}
    assert (io_points.verdict(counters) == []) is holds


def test_fewer_operations_than_there_must_be_fail():
    counters = GOOD | {"operations": ["x"] * (io_points.LEAST_OPERATIONS - 1), "points": [a_point()]}
    assert io_points.verdict(counters)


def test_who_crashes_in_company_is_no_success():
    deadly = {"kills": 3, "deadly_outcome": "failed", "deadly_error_code": "worker_crashed"}
    counters = GOOD | deadly | {"outcomes": {"succeeded": 499, "failed": 1}}
    assert crash_loop.verdict(counters) == []
    assert crash_loop.verdict(counters | {"outcomes": {"succeeded": 498, "failed": 2}})
    assert crash_loop.verdict(counters | {"kills": 2})


def test_commit_metadata_that_is_kept_must_be_used():
    counters = GOOD | {
        "fast": 499,
        "fast_paid_calls": 499,
        "fast_done_before_sigterm": 300,
        "fast_published_again": {"after_sigterm": 300, "after_kill": 0},
    }
    assert held_head.verdict(counters | {"keeps_commit_metadata": False}) == []
    assert held_head.verdict(counters | {"keeps_commit_metadata": True})


def test_a_join_while_working_is_an_eviction():
    counters = GOOD | {"paid_calls": 500, "paid_calls_beyond_one": 0, "heartbeats_while_working": 9}
    assert poll_interval.verdict(counters | {"joins_and_leaves_while_working": 0}) == []
    assert poll_interval.verdict(counters | {"joins_and_leaves_while_working": 1})


@pytest.mark.parametrize(("added_mib", "holds"), [(0, True), (5, True), (40, False)])
def test_a_slope_is_found(added_mib, holds):
    samples = [
        {"requests": 100 * step, "rss_mib": 100 + added_mib * step / 25, "sockets": 134, "tasks": 100 + step % 7}
        for step in range(1, 26)
    ]
    counters = GOOD | {"paid_calls": 500, "paid_calls_beyond_one": 0, "samples": samples}
    assert (soak.verdict(counters) == []) is holds
