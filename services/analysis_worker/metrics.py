"""Completions and dead letters in, the text of `/metrics` out; names and meanings are telemetry.py's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from analysis_worker import telemetry as names
from analysis_worker.calibration import Calibration, Comparison, comparisons

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_contracts import AnalysisCompleted

# An analysis takes from a fraction of a second to many minutes (conventions.md §3.1 finds the usual 82 s low).
_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 300, 600, 1800)
# The bound of a plan allows 1.2 (prices.DEFAULT_MARGIN).
_RATIOS: Final = (0.5, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.5, 2)


class Metrics:
    """The counters of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._completions = Counter(names.METRIC_COMPLETIONS, "By outcome.", ("outcome", "code"), registry=registry)
        self._dead_letters = Counter(names.METRIC_DEAD_LETTERS, "By reason.", ("reason",), registry=registry)
        self._put_off = Counter(names.METRIC_PUT_OFF, "By topic.", ("topic",), registry=registry)
        self._progress = Counter(names.METRIC_PROGRESS, "By result.", ("result",), registry=registry)
        self._unreadable = Counter(names.METRIC_UNREADABLE, "Looks.", registry=registry)
        self._calls = Counter(names.METRIC_CALLS, "By model and outcome.", ("model", "outcome"), registry=registry)
        self._tokens = Counter(names.METRIC_TOKENS, "Tokens.", ("model", "direction", "basis"), registry=registry)
        self._cost = Counter(names.METRIC_COST, "Money.", ("model", "currency"), registry=registry)
        self._ratio = Histogram(names.METRIC_ESTIMATE_RATIO, "1.", ("model",), registry=registry, buckets=_RATIOS)
        self._factor = Gauge(names.METRIC_CALIBRATION, "1.", ("model",), registry=registry)
        self._calibrations: dict[str, Calibration] = {}
        self._first_token = Histogram(names.METRIC_FIRST_TOKEN, "Seconds.", registry=registry, buckets=_SECONDS)
        self._total = Histogram(names.METRIC_TOTAL, "Seconds.", registry=registry, buckets=_SECONDS)

    def watch(self, name: str, read: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, "Now.", registry=self._registry).set_function(read)

    def count(self, completion: AnalysisCompleted) -> None:
        """Count a completion that was recorded; a replay is none."""
        code = completion.error.code if completion.error else ""
        self._completions.labels(outcome=completion.outcome, code=code).inc()
        for attempt in completion.attempts:
            self._calls.labels(model=attempt.model, outcome=attempt.outcome).inc(
                max(1, attempt.usage.calls)  # an entry may stand for many calls, or for connections never made
            )
            usage, estimated = attempt.usage, attempt.usage.estimated
            for direction, total, guessed in (
                ("input", usage.input_tokens, estimated.input_tokens),
                ("output", usage.output_tokens, estimated.output_tokens),
            ):
                self._tokens.labels(attempt.model, direction, "reported").inc(total - guessed)
                self._tokens.labels(attempt.model, direction, "estimated").inc(guessed)
            if attempt.cost is not None:
                self._cost.labels(attempt.model, attempt.cost.currency).inc(float(attempt.cost.decimal))
        for call in comparisons(completion):
            self._compare(call)
        timings = completion.timings
        if timings.first_token_seconds is not None:
            self._first_token.observe(timings.first_token_seconds)
        if timings.total_seconds is not None:
            self._total.observe(timings.total_seconds)

    def _compare(self, call: Comparison) -> None:
        """Observe how far an estimate was off, and show what was learned of its model."""
        learned = self._calibrations.get(call.model, Calibration()).with_call(
            estimated_tokens=call.estimated_tokens, actual_tokens=call.actual_tokens
        )
        self._calibrations[call.model] = learned
        self._ratio.labels(call.model).observe(call.actual_tokens / call.estimated_tokens)
        if learned.factor is not None:
            self._factor.labels(call.model).set(learned.factor)

    def count_dead_letter(self, reason: str) -> None:
        """Count a record that was no valid request."""
        self._dead_letters.labels(reason=reason).inc()

    def count_put_off(self, topic: str) -> None:
        """Count a request that is tried again later."""
        self._put_off.labels(topic=topic).inc()

    def count_progress(self, result: str) -> None:
        """Count a progress event: published, failed or dropped."""
        self._progress.labels(result=result).inc()

    def count_unreadable(self) -> None:
        """Count a look at a ledger that cannot be read."""
        self._unreadable.inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
