"""Pure: a JSON Schema in, how much work it makes of an answer out: a schema is data from outside.

References can make a small schema huge (each definition naming the next one twice: two to the power of their number),
and one that names itself twice for one place of the answer doubles the work with every level of the answer. Validators
follow each reference anew, hold the interpreter meanwhile, and cannot be stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from analysis_worker.answers.schema_patterns import pattern_steps
from analysis_worker.answers.schema_references import REFERENCES
from analysis_worker.answers.schema_references import target as led_to

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYWHERE: Final = "*"
"""The place below of keywords that speak of more than one property or item."""
HERE: Final = ""
_SAME_PLACE: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})
# Not looked into: values, and definitions, which count where they are referred to.
_DATA: Final = frozenset({"const", "default", "examples", "required", "type", "$defs"})
_ASK_WHAT_IS_LEFT: Final = frozenset({"unevaluatedProperties", "unevaluatedItems"})
_ROOT: Final = "#"
_SUBSCHEMA: Final = ""
_LEFT_OVER: Final = " left over"  # no reference has a blank in it
_PATTERN: Final = " pattern "
ENDLESS: Final = 10**9
"""More than anybody would follow."""
_MOST_PARTS: Final = 250
_MOST_PATHS: Final = 1_000
# Measured of jsonschema-rs 0.60: comparing with one compound option costs as much as so many subschemas; what was
# evaluated is found anew below each `unevaluated…`, and for that the subschemas of its place are gone through squared.
_COMPOUND_OPTION: Final = 10
_UNEVALUATED: Final = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """What one reference leads to: its own size, and the references in it with the place that each is about."""

    size: int
    references: Counter[tuple[str, str]]
    places: Counter[str]
    """Subschemas by the place that they are about."""
    unevaluated: Counter[str]
    """Those of them that ask what the others of their place left over."""
    patterns: int
    """Steps of its own expressions for each character of a text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaCost:
    """`size` is the number of subschemas with every reference followed once; `growth` is how many times a place one
    level further down is looked at for each time that its parent is: above 1 the work is exponential in the depth. `patterns` are the steps of
    all regular expressions for each character of a text, references followed.
    """

    size: int
    growth: int
    patterns: int

    def steps(self, depth: int) -> int:
        """Return an upper bound of the looks at the deepest place of an answer that nests so deep."""
        return self.growth ** min(depth, 64) if self.growth > 1 else 1


def schema_cost(document: Mapping[str, Any]) -> SchemaCost:
    """Return the cost of a schema of bounded depth; never raises. What is beyond following is ENDLESS."""
    graph = _Graph(document=document)
    if not graph.is_followed() or graph.circles():
        return SchemaCost(size=ENDLESS, growth=ENDLESS, patterns=ENDLESS)
    return SchemaCost(size=graph.size(_ROOT), growth=graph.growth(), patterns=graph.patterns(_ROOT))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Graph:
    document: Mapping[str, Any]
    parts: dict[str, _Part] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    here: dict[str, int] = field(default_factory=dict)

    def part(self, name: str) -> _Part:
        if name not in self.parts:
            found = list(_walk(led_to(self.document, name), HERE))
            patterns = sum(pattern_steps(what.removeprefix(_PATTERN)) for _, what in found if what.startswith(_PATTERN))
            found = [(at, what) for at, what in found if not what.startswith(_PATTERN)]
            references = Counter((at, what) for at, what in found if what not in {_SUBSCHEMA, _LEFT_OVER})
            places = Counter(at for at, what in found if what == _SUBSCHEMA)
            left_over = Counter(at for at, what in found if what == _LEFT_OVER)
            self.parts[name] = _Part(
                size=places.total(), references=references, places=places, unevaluated=left_over, patterns=patterns
            )
        return self.parts[name]

    def is_followed(self) -> bool:
        """Find every part; False when there are too many."""
        waiting = [_ROOT]
        while waiting and len(self.parts) <= _MOST_PARTS:
            name = waiting.pop()
            if name not in self.parts:
                waiting += [target for _, target in self.part(name).references]
        return len(self.parts) <= _MOST_PARTS

    def size(self, name: str) -> int:
        """Every subschema below, references followed; one that leads back counts nothing more."""
        if name not in self.sizes:
            self.sizes[name] = 0
            below = sum(number * self.size(target) for (_, target), number in self.part(name).references.items())
            searched = sum(_squared(self.at(name, place) // _UNEVALUATED) for place in self.part(name).unevaluated)
            self.sizes[name] = min(self.part(name).size + below + searched, ENDLESS)
        return self.sizes[name]

    def patterns(self, name: str) -> int:
        """Steps of every expression below, references followed; one that leads back counts nothing more."""
        if name not in self.texts:
            self.texts[name] = 0
            part = self.part(name)
            below = sum(number * self.patterns(target) for (_, target), number in part.references.items())
            self.texts[name] = min(part.patterns + below, ENDLESS)
        return self.texts[name]

    def at(self, name: str, place: str = HERE) -> int:
        """Subschemas of one place, references followed; those below an `unevaluated…` as often as it has them read."""
        if place == HERE and name in self.here:
            return self.here[name]
        part = self.part(name)
        if place == HERE:
            self.here[name] = 0  # one that leads back counts nothing more
        below = sum(number * self.at(target) for (at, target), number in part.references.items() if at == place)
        factor: int = _UNEVALUATED ** min(part.unevaluated[place], 32)
        found = min((part.places[place] + below) * factor, ENDLESS)
        if place == HERE:
            self.here[name] = found
        return found

    def circles(self) -> bool:
        """True when a part leads back to itself in several ways without a step down: the ways are its factorial."""
        reachable = {name: self._reachable(name, same_place=True) for name in self.parts}
        return any(
            sum(
                number
                for (at, target), number in part.references.items()
                if at == HERE and (target == name or name in reachable[target])
            )
            > 1
            for name, part in self.parts.items()
        )

    def growth(self) -> int:
        """The most references, for one place, from a part to parts that lead back to it."""
        names = list(self.parts)
        reachable = {name: self._reachable(name) for name in names}
        most = 0
        for name in names:
            if name not in reachable[name]:
                continue
            places: Counter[str] = Counter()
            for (at, target), number in self._here(name).items():
                if name in reachable.get(target, ()) or target == name:
                    places[at] += number
            anywhere = places.pop(ANYWHERE, 0)
            most = max(most, anywhere + max(places.values(), default=0))
        return most

    def _here(self, name: str) -> Counter[tuple[str, str]]:
        """References below this place, with those of what is referred to for the place itself; each part once a path."""
        below: Counter[tuple[str, str]] = Counter()
        waiting, looked = [(name, 1, frozenset({name}))], 0
        while waiting:
            if (looked := looked + 1) > _MOST_PATHS:
                return Counter({(ANYWHERE, name): ENDLESS})
            part, times, path = waiting.pop()
            for (at, target), number in self.part(part).references.items():
                if at != HERE:
                    below[at, target] += times * number
                elif target not in path:
                    waiting.append((target, times * number, path | {target}))
        return below

    def _reachable(self, name: str, *, same_place: bool = False) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for at, target in self.part(waiting.pop()).references:
                if target not in found and (at == HERE or not same_place):
                    found.add(target)
                    waiting.append(target)
        return found


def _squared(number: int) -> int:
    return number * number


def _walk(schema: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield (place, _SUBSCHEMA) for each subschema, (place, target) for each reference, (place, _LEFT_OVER) too."""
    yield place, _SUBSCHEMA
    for keyword, value in schema.items() if isinstance(schema, Mapping) else ():
        if keyword in REFERENCES and isinstance(value, str):
            yield place, value
        elif keyword == "enum" and isinstance(value, list):
            compound = sum(isinstance(option, (Mapping, list)) for option in value)
            yield from [(place, _SUBSCHEMA)] * (_COMPOUND_OPTION * compound)
        elif keyword == "pattern" and isinstance(value, str):
            yield place, f"{_PATTERN}{value}"
        elif keyword not in _DATA:
            if keyword == "patternProperties" and isinstance(value, Mapping):
                yield from [(place, f"{_PATTERN}{name}") for name in value]
            if keyword in _ASK_WHAT_IS_LEFT:
                yield place, _LEFT_OVER
            for inner, below in _inside(keyword, value, place):
                yield from _walk(inner, below)


def _inside(keyword: str, value: Any, place: str) -> list[tuple[Any, str]]:
    """The subschemas that a keyword holds, with the place that each is about."""
    if isinstance(value, list):
        held = {index: inner for index, inner in enumerate(value) if isinstance(inner, Mapping)}
    elif not isinstance(value, Mapping):
        held = {}
    elif keyword in {"properties", "dependentSchemas", "patternProperties"}:
        held = dict(value)
    else:
        held = {0: value}
    if keyword in _SAME_PLACE:
        return [(inner, place) for inner in held.values()]
    if keyword == "properties":
        return [(inner, f"{place}/{name}") for name, inner in held.items()]
    return [(inner, f"{place}/{ANYWHERE}" if place else ANYWHERE) for inner in held.values()]
