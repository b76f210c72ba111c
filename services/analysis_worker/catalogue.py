"""In: `models.toml`, `details.toml` and an operator's own file. Out: a frozen `Catalogue`, or every fault at once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import orjson
from pydantic import BaseModel, ValidationError

from analysis_worker import errors
from analysis_worker.cards import (
    Capabilities,
    ContextLimits,
    Kind,
    MediaLimits,
    MediaTable,
    ModelCard,
    ParameterRange,
    Parameters,
    PriceList,
    Tariff,
    TokenRule,
)
from analysis_worker.detail import DetailLevel, Level

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "Capabilities",
    "Catalogue",
    "ContextLimits",
    "DetailLevel",
    "Kind",
    "MediaLimits",
    "MediaTable",
    "ModelCard",
    "ParameterRange",
    "Parameters",
    "PriceList",
    "Tariff",
    "TokenRule",
    "load_catalogue",
]

_SHIPPED: Final = ("models.toml", "details.toml")
_TABLES: Final = ("models", "details")

_Entry = TypeVar("_Entry", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogue:
    """The cards by name, every alias and dated snapshot beside the name it stands for, and the detail levels."""

    cards: Mapping[str, ModelCard]
    names: Mapping[str, str]
    details: Mapping[Level, DetailLevel]

    def card(self, name: str) -> ModelCard:
        """The card of a model id, alias or snapshot; raises `ModelUnknown` with the known names.

        The provider is asked with the name of the request, not the card's: a snapshot is not its alias.
        """
        known = self.names.get(name)
        if known is None:
            names = ", ".join(sorted(self.names))
            raise errors.ModelUnknown(f"no model card for {name!r}; known are {names}; add one with a file of your own")
        return self.cards[known]


def load_catalogue(extra: Path | None = None) -> Catalogue:
    """The shipped cards and detail levels, with `extra` merged over them key by key.

    A card of `extra` overrides the shipped one of the same name, or is new: whole, or with `like = "<name>"` that
    takes everything but names and prices from another card. Raises `Stopped` with every fault and its path.
    """
    document: dict[str, Any] = {}
    for name in _SHIPPED:
        text = resources.files("analysis_worker").joinpath(name).read_text("utf-8")
        document = _merge(document, _read(text, name))
    where = "shipped"
    if extra is not None:
        where = str(extra)
        document = _merge(document, _read(_text_of(extra), where))
    faults: list[str] = []
    tables = document["models"]
    cards = {name: card for name, table in tables.items() if (card := _card(name, table, tables, faults))}
    details = _details(document["details"], faults)
    names = _names(cards, faults)
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise errors.Stopped(f"the model catalogue ({where}) has {len(faults)} fault(s); correct them:\n{lines}")
    return Catalogue(cards=MappingProxyType(cards), names=MappingProxyType(names), details=MappingProxyType(details))


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise errors.Stopped(
            f"the model catalogue {path} cannot be read: {fault}; name a readable TOML file"
        ) from fault


def _read(text: str, where: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise errors.Stopped(f"the model catalogue {where} is no TOML: {fault}") from fault
    unknown = sorted(document.keys() - set(_TABLES))
    unknown += [f"{name} = {tables!r}" for name, tables in document.items() if not isinstance(tables, dict)]
    if unknown:
        raise errors.Stopped(
            f'the model catalogue {where} may hold tables [models."<name>"] and [details.<level>] only; '
            f"found {', '.join(unknown)}"
        )
    return document


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Deep: tables are merged key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _card(name: str, table: Any, tables: dict[str, Any], faults: list[str]) -> ModelCard | None:
    try:
        whole = _with_likeness(name, table, tables, seen=(name,))
    except errors.Stopped as fault:
        faults.append(fault.message)
        return None
    return _valid(ModelCard, {"name": name, **whole}, f"models.{name}", faults)


def _details(tables: dict[str, Any], faults: list[str]) -> dict[Level, DetailLevel]:
    known: tuple[Level, ...] = get_args(Level)
    faults += [f"details.{name}: no such level; they are {', '.join(known)}" for name in sorted(tables.keys() - known)]
    found: dict[Level, DetailLevel] = {}
    for name in known:
        table = tables[name]
        whole = {"name": name, **table} if isinstance(table, dict) else table
        level = _valid(DetailLevel, whole, f"details.{name}", faults)
        if level is not None:
            found[name] = level
    return found


def _valid(model: type[_Entry], table: Any, where: str, faults: list[str]) -> _Entry | None:
    try:
        # By way of JSON: strict there means "no guessing", yet lists are tuples and texts are decimals and days.
        return model.model_validate_json(orjson.dumps(table), strict=True)
    except ValidationError as fault:
        for item in fault.errors(include_url=False):
            path = ".".join(str(step) for step in (where, *item["loc"]))
            faults.append(f"{path}: {item['msg']} (got {item['input']!r:.80})")
    return None


def _with_likeness(name: str, table: Any, tables: dict[str, Any], *, seen: tuple[str, ...]) -> dict[str, Any]:
    """The table laid over the one its `like` names, without that one's names and prices: those are never alike."""
    if not isinstance(table, dict):
        raise errors.Stopped(f"models.{name}: must be a table (got {table!r:.80})")
    own = {key: value for key, value in table.items() if key != "like"}
    like = table.get("like")
    if like is None:
        return own
    if like in seen or like not in tables:
        raise errors.Stopped(f"models.{name}.like: {like!r} is {'a circle' if like in seen else 'no card here'}")
    model = _with_likeness(like, tables[like], tables, seen=(*seen, like))
    return _merge({key: value for key, value in model.items() if key not in {"aliases", "prices"}}, own)


def _names(cards: dict[str, ModelCard], faults: list[str]) -> dict[str, str]:
    names: dict[str, str] = {name: name for name in cards}
    for card in cards.values():
        for alias in card.aliases:
            owner = names.setdefault(alias, card.name)
            if owner != card.name:
                faults.append(f"models.{card.name}.aliases: {alias!r} already stands for {owner!r}")
    return names
