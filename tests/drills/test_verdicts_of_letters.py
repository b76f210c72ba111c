"""Verdicts of the drills with retry copies, dead letters and references: each counter that breaks the table is named."""

from __future__ import annotations

import pytest

from tests.drills import flood, retry_kill, too_large

ONCE = {
    "requests": 10,
    "completions": 10,
    "lost": 0,
    "completion_ids": 10,
    "duplicates": 5,
    "duplicates_that_differ": 0,
    "dead_letters": 0,
    "unreadable": 0,
    "outcomes": {"succeeded": 10},
    "error_codes": {},
    "paid_calls": 10,
    "paid_calls_beyond_one": 0,
    "estimated_calls": 0,
    "closed_calls_unknown_to_simulator": 0,
    "calls_not_told": 0,
    "calls_told_and_never_received": 0,
    "open_calls_not_flagged": 0,
    "claims_open_at_kills": 0,
    "calls_cut_at_drains": 0,
    "starts_without_a_death": 0,
    "workers_that_crashed": 0,
    "bad_exit_codes": 0,
}
KILLED = ONCE | {
    "kills": 1,
    "copies": 5,
    "originals_committed_at_the_kill": 0,
    "head_completions": 0,
    "head_calls": 0,
    "probes_at_the_end": [[200, 200]],
}
LARGE = ONCE | {
    "dead_letters": 6,
    "each": 3,
    "results_whole": 3,
    "poison_whole": 3,
    "laden_whole": 3,
    "heaviest_value_bytes": too_large.LIMIT_BYTES,
}
FLOODED = ONCE | {
    "dead_letters": 400,
    "dead_letters_expected": 400,
    "others": 60,
    "dead_letters_at_the_stop": flood.WINDOW + flood.IN_FLIGHT,
    "others_done_while_stopped": 60,
    "behind_done_while_stopped": 0,
    "readiness_faults": ["media.analysis.requested.v1-5 is stopped by the flood guard: media-analysis resume"],
    "liveness": 200,
    "flooded_partitions": ["1.0"],
    "garbage_since_then": 200,
    "shown_since_then": 200,
    "chosen": 61,
    "shown": 61,
    "published_by_showing": 0,
    "told_put_back": 61,
    "put_back": 61,
    "chosen_and_not_put_back": 0,
    "put_back_and_not_chosen": 0,
}


@pytest.mark.parametrize(
    "broken",
    [
        {"kills": 0},
        {"paid_calls": 11, "paid_calls_beyond_one": 1},
        {"originals_committed_at_the_kill": 1},
        {"duplicates": 4},
        {"head_calls": 1},
        {"head_completions": 1},
        {"probes_at_the_end": [[200, 503]]},
        {"outcomes": {"succeeded": 9, "failed": 1}},
    ],
)
def test_original_and_copy_are_one_request(broken):
    assert retry_kill.verdict(KILLED) == []
    assert retry_kill.verdict(KILLED | broken)


@pytest.mark.parametrize(
    "broken",
    [
        {"dead_letters": 5},
        {"results_whole": 2},
        {"poison_whole": 2},
        {"laden_whole": 2},
        {"heaviest_value_bytes": too_large.LIMIT_BYTES + 1},
        {"lost": 1},
    ],
)
def test_what_is_too_large_arrives_whole_by_reference(broken):
    assert too_large.verdict(LARGE) == []
    assert too_large.verdict(LARGE | broken)


@pytest.mark.parametrize(
    "broken",
    [
        {"dead_letters_at_the_stop": flood.WINDOW - 1},
        {"dead_letters_at_the_stop": flood.WINDOW + flood.IN_FLIGHT + 1},
        {"others_done_while_stopped": 59},
        {"behind_done_while_stopped": 1},
        {"readiness_faults": []},
        {"readiness_faults": ["media.analysis.requested.v1-50 is stopped by the flood guard"]},
        {"liveness": 503},
        {"flooded_partitions": ["2.0"]},
        {"dead_letters": 401},
        {"published_by_showing": 1},
        {"put_back": 60, "chosen_and_not_put_back": 1},
        {"put_back": 62, "put_back_and_not_chosen": 1},
        {"chosen": 0, "shown": 0, "told_put_back": 0, "put_back": 0},
    ],
)
def test_a_flood_stops_one_partition_and_exactly_the_chosen_come_back(broken):
    assert flood.verdict(FLOODED) == []
    assert flood.verdict(FLOODED | broken)
