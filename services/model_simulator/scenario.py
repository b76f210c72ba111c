"""A scenario script in; for each call the pace and the fault that the script wants, counted as calls come, out.

The one piece of state is how often each rule matched and applied; loading a script starts the counts anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    from pathlib import Path

    from model_simulator.rule_table import RuleTable

# Answered with an error before the request is looked at any further.
Gate = Literal[
    "throttle_requests",
    "throttle_tokens",
    "throttle_burst",
    "free_quota",
    "free_tier_only",
    "server_error",
    "unavailable",
    "overloaded",
    "access_denied",
    "arrearage",
    "content_filtered",
    "unknown_400",
    "sse_error_body",
    "json_mode_refused",
    "refuse",
    "error",
]
# Another answer than the honest one.
Content = Literal["truncated_json", "length", "prose_around_json", "fenced_json", "wrong_shape", "empty", "non_json"]
# The honest answer, delivered badly.
Transport = Literal[
    "hold",
    "stall",
    "cut",
    "early_close",
    "error_in_stream",
    "slow_header",
    "missing_usage",
    "usage_inside_last_chunk",
]
Fault = Gate | Content | Transport

GATE_FAULTS: frozenset[str] = frozenset(get_args(Gate))


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pace(_Value):
    """Seconds before the first token and before each further chunk, and how long a chunk of text is."""

    first_token_seconds: float = Field(default=0.0, ge=0)
    chunk_seconds: float = Field(default=0.0, ge=0)
    chunk_characters: int = Field(default=16, ge=1)


class Match(_Value):
    """Which calls a rule is for; `nth` counts the calls that match the rest, from 1; `times` bounds the applications."""

    model: str | None = None
    contains: str | None = None
    nth: int | None = Field(default=None, ge=1)
    times: int | None = Field(default=None, ge=1)


class CustomError(_Value):
    """An error of the script's own making, for `fault: error`."""

    status: int = Field(default=400, ge=400, le=599)
    code: str = "invalid_parameter_error"
    message: str = "An error of the scenario's own."
    type: str = "invalid_request_error"
    delivery: Literal["json", "sse", "stream"] = "json"


class Action(_Value):
    """What happens to a call; without a fault only its pace, its text or its reported usage change.

    `row` names a row of the rules' refusals for `refuse`; `error` is the error of `error` and `error_in_stream`;
    `usage` is reported as it stands; a `whole` text is sent to its end, whatever the output limits.
    """

    fault: Fault | None = None
    after_chunks: int | None = Field(default=None, ge=0)
    retry_after_seconds: float | None = Field(default=None, ge=0)
    first_token_seconds: float | None = Field(default=None, ge=0)
    chunk_seconds: float | None = Field(default=None, ge=0)
    chunk_characters: int | None = Field(default=None, ge=1)
    text: str | None = None
    whole: bool = False
    error: CustomError | None = None
    row: str | None = None
    usage: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Action:
        if (self.fault == "refuse") != (self.row is not None):
            raise ValueError('"refuse" and a row go together, as in {"fault": "refuse", "row": "image_size"}')
        return self


class Rule(_Value):
    """Calls that match get the action."""

    match: Match = Match()
    do: Action


class Scenario(_Value):
    """The script: a default pace and rules, of which the first that applies is taken."""

    default: Pace = Pace()
    rules: tuple[Rule, ...] = ()


class Direction(_Value):
    """What the script wants for one call."""

    pace: Pace
    action: Action = Action()


class ScenarioError(ValueError):
    """The script is not valid; the message names every fault with its place."""


def read_scenario(document: Any, rules: RuleTable) -> Scenario:
    """Validate a parsed script; raises `ScenarioError` with every fault."""
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'scenario'}: {fault['msg']}" for fault in error.errors()
        )
        raise ScenarioError(f"not a scenario: {faults}") from None
    unknown = [rule.do.row for rule in scenario.rules if rule.do.row and f"refusal/{rule.do.row}" not in rules.rows]
    if unknown:
        raise ScenarioError(f"no such refusals: {', '.join(unknown)}; `simulator --rules` lists them")
    return scenario


def load_scenario(path: Path, rules: RuleTable) -> Scenario:
    """Read a script from a JSON file; raises `ScenarioError`, or OSError for a file that cannot be read."""
    try:
        return read_scenario(orjson.loads(path.read_bytes()), rules)
    except orjson.JSONDecodeError as error:
        raise ScenarioError(f"not JSON: {error}") from None


class Director:
    """Holds the script and counts the calls that its rules matched."""

    def __init__(self, scenario: Scenario) -> None:
        self.load(scenario)

    def load(self, scenario: Scenario) -> None:
        """Replace the script; every count starts at zero."""
        self.scenario = scenario
        self._matched = [0] * len(scenario.rules)
        self._applied = [0] * len(scenario.rules)

    def direct(self, *, model: str, texts: list[str], json_mode: bool) -> Direction:
        """The direction for a call; every rule it matches counts it, the first that applies is taken."""
        chosen: int | None = None
        for index, rule in enumerate(self.scenario.rules):
            if not _fits(rule, model, texts, json_mode=json_mode):
                continue
            self._matched[index] += 1
            if chosen is None and self._applies(index, rule.match):
                chosen = index
        if chosen is None:
            return Direction(pace=self.scenario.default)
        self._applied[chosen] += 1
        return _direction(self.scenario.default, self.scenario.rules[chosen].do)

    def _applies(self, index: int, match: Match) -> bool:
        if match.nth is not None and self._matched[index] != match.nth:
            return False
        return match.times is None or self._applied[index] < match.times


def _fits(rule: Rule, model: str, texts: list[str], *, json_mode: bool) -> bool:
    match = rule.match
    if match.model is not None and match.model != model:
        return False
    if rule.do.fault == "json_mode_refused" and not json_mode:
        return False  # there is nothing to refuse
    return match.contains is None or any(match.contains in text for text in texts)


def _direction(default: Pace, action: Action) -> Direction:
    own = {name: getattr(action, name) for name in Pace.model_fields if getattr(action, name) is not None}
    return Direction(pace=default.model_copy(update=own), action=action)
