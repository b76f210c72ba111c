"""The operators' page against the code: log events, metrics, settings and exit codes that it names."""

from __future__ import annotations

import re
from pathlib import Path

from analysis_worker import telemetry
from analysis_worker.settings import variables

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text()
WORKER = ROOT / "services" / "analysis_worker"


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_log_event_of_the_worker_is_explained_and_no_other():
    logged = {name for path in WORKER.rglob("*.py") for name in re.findall(r'"event": "([a-z_]+)"', path.read_text())}
    explained = set(re.findall(r"^\| `([a-z_]+)` \| (?:info|warning|error) ", section("Log events"), re.MULTILINE))
    assert explained == logged


def test_every_setting_it_names_is_one():
    named = set(re.findall(r"`((?:KAFKA|S3|MODEL|WORKER|OTEL)_[A-Z0-9_]+)`", PAGE))
    assert named - set(variables()) == set()


def test_every_metric_it_names_is_one():
    known = {value for name, value in vars(telemetry).items() if name.startswith("METRIC_")}
    named = set(re.findall(r"`(media_analysis_[a-z_]+)`", PAGE))
    assert {name.removesuffix("_total") for name in named} - known == set()
    assert named
