"""Alive is not ready: an outage never restarts a worker, a stuck one does not stay."""

from dataclasses import replace

import pytest

from analysis_worker.health import Observed, liveness_faults, readiness_faults

WELL = Observed(
    loop_late_seconds=0.0, consuming=True, joined=True, draining=False, store_seconds=1.0, broker_seconds=1.0
)


def test_a_working_worker_is_alive_and_ready():
    assert (liveness_faults(WELL), readiness_faults(WELL)) == ([], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"store_seconds": 600.0},
        {"broker_seconds": 600.0},
        {"joined": False, "consuming": False, "store_seconds": None, "broker_seconds": None},
        {"draining": True, "consuming": False},
        {"key_refused": "invalid key"},
        {"flooded": ("t-3",)},
        {"broker_seconds": 600.0, "stalled_seconds": 600.0, "outlived_seconds": 900.0},
        {"store_seconds": 600.0, "stalled_seconds": 600.0, "outlived_seconds": 900.0},
    ],
    ids=[
        "store gone",
        "broker gone",
        "still starting",
        "draining",
        "key refused",
        "flooded",
        "stuck without a broker",
        "stuck without a store",
    ],
)
def test_what_makes_it_unready_does_not_restart_it(changes):
    observed = replace(WELL, **changes)
    assert liveness_faults(observed) == []
    assert readiness_faults(observed)


@pytest.mark.parametrize(
    "changes",
    [{"loop_late_seconds": 11.0}, {"consuming": False}, {"stalled_seconds": 121.0}, {"outlived_seconds": 301.0}],
    ids=["late", "ended", "stalled", "outlived"],
)
def test_what_cannot_heal_by_itself_is_a_restart(changes):
    assert liveness_faults(replace(WELL, **changes))
