"""Pure: names, attributes and children in, HTML text out; every string is escaped unless it was built here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_VOID: Final = frozenset({"img", "meta", "track"})


class Markup(str):
    """Text that is HTML already; only this module makes it."""

    __slots__ = ()


Child: TypeAlias = "str | int | None"
Attributes: TypeAlias = "Mapping[str, str | int | float | None]"


def text(value: str) -> Markup:
    """Return `value` as it must stand in HTML, in an element or in a quoted attribute."""
    return value if isinstance(value, Markup) else Markup(escape(value, quote=True))


def tag(name: str, attributes: Attributes | None = None, /, *children: Child) -> Markup:
    """Return one element; an attribute or child that is None is left out."""
    pairs = (attributes or {}).items()
    shown = "".join(f' {key}="{text(str(value))}"' for key, value in pairs if value is not None)
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Return the children one after the other, with nothing around them."""
    return Markup(
        "".join(text(child if isinstance(child, str) else str(child)) for child in children if child is not None)
    )


def document(*, title: str, style: str, body: Markup) -> str:
    """Return a whole page that asks for nothing from anywhere: the policy forbids scripts and every other address."""
    if "</" in style:
        raise ValueError("the style sheet contains '</', which would end it early: write it differently")
    policy = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
    head = tag(
        "head",
        None,
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", None, title),
        tag("style", None, Markup(style)),
    )
    return "<!doctype html>\n" + tag("html", {"lang": "en"}, head, body) + "\n"
