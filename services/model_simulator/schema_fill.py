"""Pure: a JSON Schema, true sentences and a digest in; a value that fits the schema, the same every time, out.

Every choice (which enum member, how many items, which number) is drawn from the digest of the media and the place in
the schema, so that other bytes give other answers.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from model_simulator.schema_check import is_schema, validator_of
from model_simulator.schema_parts import has_type, is_bounded_above, merged, number_bounds, without
from model_simulator.schema_text import fit_text, formatted
from model_simulator.timelines import END, START, Tracks, evenly, is_timed, untimed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_simulator.facts import Moment

_MAX_DEPTH = 12  # optional properties stop here, so that recursive schemas end
_HARD_DEPTH = 40
_MAX_VALUES = 2_000  # beyond these only what is required is made
_MAX_TRIES = 8
_JUDGING_WORDS = ("flagged", "unsafe", "harmful", "violation", "contains", "explicit", "illegal")
_HARMLESS_MEMBERS = (
    "safe",
    "allow",
    "allowed",
    "none",
    "ok",
    "pass",
    "approve",
    "approved",
    "neutral",
    "low",
    "unknown",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What values are made of: true sentences, named numbers, words for colours, and the digest that decides.

    `tracks` is what happens when; lists with times tell of it, and of even parts where it is None.
    """

    sentences: tuple[str, ...]
    numbers: dict[str, float] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    digest: str = ""
    tracks: Tracks | None = None

    def draw(self, path: str, count: int) -> int:
        """A whole number from 0 to `count` - 1, decided by the digest and the place."""
        return int.from_bytes(hashlib.blake2b(f"{self.digest}{path}".encode(), digest_size=8).digest()) % max(count, 1)

    def at(self, moment: Moment) -> Material:
        """The material of a moment: of it everything is said in its words."""
        numbers = self.numbers | {START: moment.start_seconds, END: moment.end_seconds}
        return replace(self, numbers=numbers, sentences=(moment.words,) if moment.words else self.sentences)


def fill_schema(schema: Any, material: Material) -> Any:
    """A value that fits; several draws are tried, and the last is given where none fits."""
    if not is_schema(schema):
        return {"answer": f"Simulated answer: {material.sentences[0]}"}
    validator = validator_of(schema)
    value: Any = None
    for attempt in range(_MAX_TRIES):
        drawn = material if not attempt else replace(material, digest=f"{material.digest}#{attempt}")
        value = _Filler(root=schema, material=drawn).fill(schema, "", 0)
        if validator is None or validator.is_valid(value):
            return value
    return value


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filler:
    root: Any
    material: Material
    made: list[int] = field(default_factory=lambda: [0])

    def fill(self, schema: Any, path: str, depth: int) -> Any:
        self.made[0] += 1
        if depth > _HARD_DEPTH:
            return None  # a schema that demands itself for ever fits nothing
        if not isinstance(schema, dict):
            return self._sentence(path, {})
        schema = self._resolved(schema, path, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._member(schema["enum"], path, schema)
        makers: dict[str, Callable[[dict[str, Any], str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "number": self._number,
            "integer": self._number,
            "boolean": self._boolean,
            "null": lambda _schema, _path, _depth: None,
        }
        return makers[self._type(schema, depth)](schema, path, depth)

    def _resolved(self, schema: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        """Follow references and merge alternatives until none is left."""
        for _ in range(_MAX_DEPTH):
            if isinstance(target := schema.get("$ref"), str):
                schema = merged(without(schema, "$ref"), self._lookup(target))
            elif isinstance(condition := schema.get("if"), dict):
                schema = self._conditioned(without(schema, "if"), condition, path)
            elif schema.get("allOf"):
                parts = schema["allOf"]
                schema = without(schema, "allOf")
                for part in parts:
                    schema = merged(schema, part)
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                rest = without(schema, "anyOf" if schema.get("anyOf") else "oneOf")
                schema = merged(rest, self._option(options, path, depth))
            else:
                break
        return schema

    def _conditioned(self, schema: dict[str, Any], condition: dict[str, Any], path: str) -> dict[str, Any]:
        """What `if` and `then` ask for together, or sometimes what `else` does."""
        rest = without(without(schema, "then"), "else")
        if "else" in schema and self.material.draw(path + "?", 2):
            return merged(rest, schema["else"])
        return merged(merged(rest, condition), schema.get("then", {}))

    def _option(self, options: Sequence[Any], path: str, depth: int) -> Any:
        """An alternative: plain ones when deep, else any that is not null."""
        chosen = [o for o in options if not (isinstance(o, dict) and o.get("type") == "null")] or list(options)
        if depth > _MAX_DEPTH:
            plain = [o for o in options if isinstance(o, dict) and o.get("type") not in {None, "object", "array"}]
            return (plain or chosen)[0]
        return chosen[self.material.draw(path + "|", len(chosen))]

    def _lookup(self, target: str) -> Any:
        if not target.startswith("#"):
            return {}
        node: Any = self.root
        for token in target.lstrip("#").split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(key, {})
            elif isinstance(node, list) and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            else:
                return {}
        return node

    def _type(self, schema: dict[str, Any], depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            order = ("null", "string", "number", "integer", "boolean", "array", "object")
            names = [name for name in (order if depth > _MAX_DEPTH else order[::-1]) if name in kind]
            return names[0] if names else "string"
        if isinstance(kind, str):
            return kind
        hints = {
            "object": ("properties", "required", "additionalProperties", "minProperties", "patternProperties"),
            "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems", "maxItems"),
            "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        }
        return next((name for name, keys in hints.items() if any(key in schema for key in keys)), "string")

    def _object(self, schema: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = schema.get("properties") or {}
        required = [name for name in schema.get("required") or () if isinstance(name, str)]
        names = [name for name in properties if name in required or not self._sparing(depth)]
        names += [name for name in required if name not in names]
        extra = schema.get("additionalProperties", True)
        result = {}
        for name in names[: max(schema.get("maxProperties", len(names)), len(required))]:
            if properties.get(name, True) is False:
                continue
            result[name] = self.fill(properties.get(name, extra), f"{path}/{name}", depth + 1)
        pattern = next(iter(schema.get("patternProperties") or {}), None)
        while len(result) < schema.get("minProperties", 0) and (extra is not False or pattern):
            name = fit_text("", {"pattern": pattern}, len(result)) if pattern else f"note_{len(result) + 1}"
            if name in result:
                break
            inner = schema["patternProperties"][pattern] if pattern else extra
            result[name] = self.fill(inner, f"{path}/{name}", depth + 1)
        return result

    def _sparing(self, depth: int) -> bool:
        return depth > _MAX_DEPTH // 2 or self.made[0] > _MAX_VALUES

    def _array(self, schema: dict[str, Any], path: str, depth: int) -> list[Any]:
        heads: list[Any] = schema.get("prefixItems") or []
        items = schema.get("items")
        if isinstance(items, dict) and not heads and is_timed(items := self._resolved(items, path, depth)):
            return self._timeline(schema, items, path, depth)
        least = max(schema.get("minItems", 0), 1 if "contains" in schema else 0)
        most = schema.get("maxItems", max(least, 3))
        wanted = 0 if self._sparing(depth) else 1 + self.material.draw(path + "[]", 3)
        count = min(max(least, wanted, min(len(heads), most)), most)
        rest = schema.get("items", True)
        if rest is False:
            count = min(count, len(heads))
        result: list[Any] = []
        for index in range(count):
            inner = heads[index] if index < len(heads) else rest
            if index == 0 and not heads and isinstance(schema.get("contains"), dict):
                inner = merged(rest if isinstance(rest, dict) else {}, schema["contains"])
            value = self._another(inner, f"{path}/{index}", depth, result if schema.get("uniqueItems") else [])
            if schema.get("uniqueItems") and value in result and len(result) >= least:
                break
            result.append(value)
        return result

    def _timeline(self, schema: dict[str, Any], items: dict[str, Any], path: str, depth: int) -> list[Any]:
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        tracks = self.material.tracks
        moments = tracks.moments_of(path.rsplit("/", 1)[-1]) if tracks else ()
        if tracks is None or len(moments) < least:
            length = self.material.numbers.get("duration_seconds")
            items = untimed(items) if length is None else items
            seconds = tracks.seconds if tracks else length or 10.0
            moments = evenly(int(max(min(1 + self.material.draw(path + "[]", 3), most), least)), seconds=seconds)
        return [
            replace(self, material=self.material.at(moment)).fill(items, f"{path}/{index}", depth + 1)
            for index, moment in enumerate(moments[: int(min(len(moments), most))])
        ]

    def _another(self, schema: Any, path: str, depth: int, taken: list[Any]) -> Any:
        value = self.fill(schema, path, depth + 1)
        for attempt in range(64):
            if value not in taken:
                break
            value = self.fill(schema, f"{path}~{attempt}", depth + 1)
        return value

    def _member(self, members: list[Any], path: str, schema: dict[str, Any]) -> Any:
        kinds = schema.get("type")
        fitting = [m for m in members if kinds is None or has_type(m, kinds)] or members
        harmless = [m for m in fitting if isinstance(m, str) and m.lower() in _HARMLESS_MEMBERS]
        some = harmless or [m for m in fitting if m is not None] or fitting
        return some[self.material.draw(path, len(some))]

    def _boolean(self, _schema: dict[str, Any], path: str, _depth: int) -> bool:
        if any(word in path.lower() for word in _JUDGING_WORDS):
            return False
        return bool(self.material.draw(path, 2))

    def _number(self, schema: dict[str, Any], path: str, _depth: int) -> float | int:
        whole = schema.get("type") == "integer" or schema.get("multipleOf") == 1
        low, high = number_bounds(schema, whole=whole)
        known = self.material.numbers.get(path.rsplit("/", 1)[-1].lower())
        step = schema.get("multipleOf")
        if known is not None and not step and low <= known <= (high if is_bounded_above(schema) else known):
            return math.floor(known) if whole and low <= math.floor(known) else known
        if step:
            first, last = math.ceil(low / step), math.floor(high / step)
            value = (first + self.material.draw(path, min(last - first + 1, 100))) * step
            return int(value) if whole and value == int(value) else value
        if whole:
            return int(low) + self.material.draw(path, min(int(high) - int(low) + 1, 1000))
        return round(low + (high - low) * (self.material.draw(path, 999) + 1) / 1000, 6)

    def _string(self, schema: dict[str, Any], path: str, _depth: int) -> str:
        return self._sentence(path, schema)

    def _sentence(self, path: str, schema: dict[str, Any]) -> str:
        salt = self.material.draw(path, 1_000_000)
        if (value := formatted(schema.get("format"), salt)) is not None:
            return value
        return fit_text(self._saying(path), schema, salt)

    def _saying(self, path: str) -> str:
        names = [part for part in path.lower().split("/") if part and not part[0].isdigit()]
        leaf = names[-1] if names else ""
        for word, values in self.material.words.items():
            if word in leaf and values:
                return values[self.material.draw(path, len(values))]
        sentences = self.material.sentences
        tail = path.rsplit("/", 1)[-1].split("~")
        if tail[0].isdigit():  # items of a list say one thing each
            return sentences[(1 + int(tail[0]) + sum(int(t) + 1 for t in tail[1:])) % len(sentences)]
        return (
            f"Simulated answer: {sentences[0]}"
            if len(names) <= 1
            else sentences[self.material.draw(path, len(sentences))]
        )
