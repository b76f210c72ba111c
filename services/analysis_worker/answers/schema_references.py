"""Pure: a JSON Schema and a reference in it in, what it leads to out, or that we do not follow it.

Whoever counts what a schema costs must follow references exactly as the validator does: each form that is followed
otherwise hides any amount of work. So only plain forms are taken: JSON Pointers and anchors within one document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCES: Final = frozenset({"$ref", "$dynamicRef"})
_ANCHORS: Final = ("$anchor", "$dynamicAnchor")


def target(document: Mapping[str, Any], reference: str) -> Any:
    """Return what a reference leads to; the whole document for one that leads nowhere or that is not followed."""
    if reference.startswith("#/"):
        return _pointed(document, unquote(reference[2:]))
    name = unquote(reference[1:]) if reference.startswith("#") else ""
    found = [one for one in objects_in(document) if name and name in map(one.get, _ANCHORS)]
    return found[0] if len(found) == 1 else document


def unfollowed(document: Mapping[str, Any]) -> str | None:
    """Return what makes a schema one that we do not follow, for a message; None when there is nothing.

    An identifier below the root changes what every reference there means (JSON Schema 2020-12 core §8.2.1), and a
    reference by another name than `#…` leads out of the document or around our count.
    """
    anchors: set[str] = set()
    for one in objects_in(document):
        if one is not document and isinstance(one.get("$id"), str):
            return f"has the $id {one['$id']!r} below its root"
        for reference in (one.get(name) for name in REFERENCES):
            if isinstance(reference, str) and reference and not reference.startswith("#"):
                return f"refers to {reference!r}, which is not in it"
        for anchor in (one.get(name) for name in _ANCHORS):
            if isinstance(anchor, str):
                if anchor in anchors:
                    return f"has the anchor {anchor!r} twice"
                anchors.add(anchor)
    return None


def _pointed(document: Mapping[str, Any], pointer: str) -> Any:
    found: Any = document
    for step in pointer.split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return document
    return found


def objects_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON value of bounded depth (schemas.py), also where no schema is: better one too many."""
    if isinstance(value, Mapping):
        yield value
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from objects_in(one)
