"""The simulator's own rule files in; rows with value, source and basis, and typed cards of models and families out.

The rows are typed again from the provider's pages and the seed documents, never shared with the worker: two readings
of the same page disagree where one of them is wrong.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any, Literal

Basis = Literal["documented", "observed", "assumed", "invented"]

NO_MEDIA = "none"
"""The family of models that take text alone."""
# Rows of these files are named by their file; the others start with a model's or a family's name already.
_FILES = {"models": "", "families": "", "limits": "limit/", "refusals": "refusal/"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One rule: its value, where it was read and how sure that is; `facts` are a refusal's status, code and so on."""

    id: str
    value: Any
    source: str
    basis: Basis
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What a family of models takes and how it counts; sizes in bytes, lengths in seconds, areas in tokens."""

    name: str
    any_mix: bool
    factor_pixels: int
    image_min_tokens: int
    image_max_tokens: int
    image_high_tokens: int
    audio_tokens_per_second: float
    speech_tokens_per_second: float
    frame_min_tokens: int
    frame_max_tokens: int
    video_total_tokens: int
    sampled_frames_min: int
    sampled_frames_max: int
    video_max_count_url: int
    video_max_count_inline: int
    video_max_bytes: int
    video_max_seconds: float
    video_min_seconds: float
    frame_list_min: int
    frame_list_max: int
    audio_max_count_url: int
    audio_max_count_inline: int
    audio_max_bytes: int
    audio_max_seconds: float
    image_max_count_url: int
    image_max_count_inline: int
    image_max_bytes: int

    @property
    def takes_pixels(self) -> bool:
        """Whether the pages list pixel parameters and `fps` for it (CHAT: 3.8 and 3.5 only); else they are ignored."""
        return self.image_high_tokens > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What one model can do; `thinking` is none, switch (off until asked) or on (until `reasoning_effort` is none)."""

    name: str
    family: Family
    context_tokens: int
    max_input_tokens: int
    max_input_thinking_tokens: int
    max_output_tokens: int
    thinking: Literal["none", "switch", "on"]
    search: bool
    stream_forced: bool
    json_mode: bool
    json_schema: bool
    voices: tuple[str, ...]
    system_with_speech: bool
    text_includes_reasoning: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleTable:
    """Every row by id, and the cards made of them."""

    rows: dict[str, Row]
    families: dict[str, Family]
    models: dict[str, Model]

    def limit(self, name: str) -> Any:
        """The value of a rule that holds for every model."""
        return self.rows[f"limit/{name}"].value

    def refusal(self, name: str) -> Row:
        """The row of one refusal."""
        return self.rows[f"refusal/{name}"]


def load_rules() -> RuleTable:
    """Read the shipped files; a row given twice or a card that lacks a field raises ValueError with its id."""
    rows: dict[str, Row] = {}
    for name, prefix in _FILES.items():
        text = resources.files("model_simulator").joinpath("rules", f"{name}.toml").read_text("utf-8")
        for entry in tomllib.loads(text)["rows"]:
            row = _row(entry, prefix)
            if row.id in rows:
                raise ValueError(f"rules/{name}.toml: {row.id} is given twice; keep one row")
            rows[row.id] = row
    families = {name: _family(name, rows) for name in _names(rows, "factor_pixels")} | {NO_MEDIA: _no_media()}
    models = {name: _model(name, rows, families) for name in _names(rows, "family")}
    aliases = {row.id.removeprefix("alias/"): models[row.value] for row in rows.values() if row.id.startswith("alias/")}
    return RuleTable(rows=rows, families=families, models=models | aliases)


def _row(entry: dict[str, Any], prefix: str) -> Row:
    facts = {key: value for key, value in entry.items() if key not in {"id", "value", "source", "basis"}}
    return Row(id=prefix + entry["id"], value=entry["value"], source=entry["source"], basis=entry["basis"], facts=facts)


def _names(rows: dict[str, Row], field: str) -> list[str]:
    return [row_id.removesuffix(f"/{field}") for row_id in rows if row_id.endswith(f"/{field}")]


def _family(name: str, rows: dict[str, Row]) -> Family:
    values = {field.name: rows[f"{name}/{field.name}"].value for field in fields(Family) if field.name != "name"}
    return Family(name=name, **values)


def _no_media() -> Family:
    nothing: dict[str, Any] = {field.name: 0 for field in fields(Family)}
    return Family(**(nothing | {"name": NO_MEDIA, "any_mix": False}))


def _model(name: str, rows: dict[str, Row], families: dict[str, Family]) -> Model:
    def value(field: str) -> Any:
        return rows[f"{name}/{field}"].value

    thinking_limit = rows.get(f"{name}/max_input_thinking_tokens")
    return Model(
        name=name,
        family=families[value("family")],
        context_tokens=value("context_tokens"),
        max_input_tokens=value("max_input_tokens"),
        max_input_thinking_tokens=thinking_limit.value if thinking_limit else value("max_input_tokens"),
        max_output_tokens=value("max_output_tokens"),
        thinking=value("thinking"),
        search=value("search"),
        stream_forced=value("stream_forced"),
        json_mode=value("json_mode"),
        json_schema=value("json_schema"),
        voices=tuple(value("voices")),
        system_with_speech=value("system_with_speech"),
        text_includes_reasoning=value("text_includes_reasoning"),
    )
