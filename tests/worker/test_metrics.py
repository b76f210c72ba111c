"""What `/metrics` says follows from the completions that were recorded."""

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analysis_worker import telemetry as names
from analysis_worker.metrics import Metrics
from media_contracts import AnalysisCompleted

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples" / "completed" / "v1" / "valid"


def read(metrics, name, **labels):
    found = [
        sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_tokens_calls_and_cost_are_the_sums_over_the_attempts(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    completion = AnalysisCompleted.model_validate_json(json.dumps(document.get("data", document)))
    metrics = Metrics()
    metrics.count(completion)
    assert read(metrics, "media_analysis_completions_total", outcome=completion.outcome) == 1
    assert read(metrics, "media_analysis_calls_total") == len(completion.attempts)
    for direction in ("input", "output"):
        total = sum(getattr(attempt.usage, f"{direction}_tokens") for attempt in completion.attempts)
        assert read(metrics, "media_analysis_tokens_total", direction=direction) == total
    costs = [attempt.cost.decimal for attempt in completion.attempts if attempt.cost]
    assert read(metrics, "media_analysis_cost_total") == pytest.approx(float(sum(costs)))


def test_dead_letters_are_counted_by_reason():
    metrics = Metrics()
    metrics.count_dead_letter("not_json")
    metrics.count_dead_letter("not_json")
    assert read(metrics, "media_analysis_dead_letters_total", reason="not_json") == 2


def test_a_gauge_is_read_when_it_is_asked_for():
    metrics, slots = Metrics(), []
    metrics.watch(names.METRIC_IN_FLIGHT, lambda: len(slots))
    slots.append("taken")
    assert read(metrics, names.METRIC_IN_FLIGHT) == 1
