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


def compared(model, estimated, actual):
    path = next(path for path in sorted(EXAMPLES.glob("*.json")) if '"succeeded"' in path.read_text())
    document = json.loads(path.read_text(encoding="utf-8"))
    data = document.get("data", document)
    usage = data["attempts"][0]["usage"]
    usage |= {"input_tokens": actual, "total_tokens": actual + usage["output_tokens"], "cached_input_tokens": None}
    usage["input"] = dict.fromkeys(usage["input"])
    usage.pop("estimated", None)
    attempt = data["attempts"][0] | {"model": model, "kind": "analysis", "basis": "reported", "cost": None}
    data |= {"model": model, "attempts": [attempt], "usage": usage, "cost": None}
    data["estimate"] = {"input_tokens": estimated, "cost": None}
    return AnalysisCompleted.model_validate_json(json.dumps(data))


def test_an_estimate_is_held_against_what_was_reported_and_the_factor_of_its_model_is_shown():
    metrics = Metrics()
    for model, estimated, actual in (("a", 1000, 1100), ("a", 3000, 2900), ("b", 100, 50)):
        metrics.count(compared(model, estimated, actual))
    assert read(metrics, "media_analysis_calibration_factor", model="a") == pytest.approx(1.0)
    assert read(metrics, "media_analysis_calibration_factor", model="b") == pytest.approx(0.5)
    assert read(metrics, "media_analysis_estimate_ratio_count", model="a") == 2
    assert read(metrics, "media_analysis_estimate_ratio_sum", model="a") == pytest.approx(1.1 + 2900 / 3000)


def test_media_that_were_never_looked_at_teach_nothing():
    completion = compared("a", 1000, 90_000)
    unseen = completion.media[0].model_copy(update={"delivery": "url"})
    metrics = Metrics()
    metrics.count(completion.model_copy(update={"media": (unseen,)}))
    assert read(metrics, "media_analysis_estimate_ratio_count") == 0
