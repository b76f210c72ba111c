"""Every drill was run at full size on Apache Kafka, and what it counted holds against the table (docs/drills)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.drills.catalogue import DRILLS

REPORTS = Path(__file__).parent.parent / "docs" / "drills"


def report_of(name):
    return json.loads((REPORTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", sorted(DRILLS))
def test_what_was_counted_holds(name):
    assert DRILLS[name].verdict(report_of(name)["counters"]) == []


@pytest.mark.parametrize("name", sorted(DRILLS))
def test_the_report_says_what_was_run(name):
    report = report_of(name)
    assert (report["drill"], report["stack"]) == (name, "real")
    assert report["size"] == dict(DRILLS[name].size("full", stack="real"))
    assert isinstance(report["seed"], int)
    assert report["commit"] not in {"", "unknown"}
    assert report["duration_seconds"] > 0


def test_no_report_is_missing_and_none_is_of_a_drill_that_is_gone():
    assert {path.stem for path in REPORTS.glob("*.json")} == set(DRILLS)
