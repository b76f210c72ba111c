"""Pure: a sentence and the string keywords of a schema in; a text that keeps length, pattern and format out."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

# The parser of `re` gives a pattern's structure; it is private to CPython and stable since 3.11 (Lib/re/_parser.py).
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_PADDING = " Simulated answer."
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def fit_text(text: str, schema: dict[str, Any], salt: int) -> str:
    """Cut or pad `text` to the schema's lengths, or write one that its pattern matches; lengths in characters."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return _matching(pattern, text, salt)
    most, least = schema.get("maxLength"), schema.get("minLength", 0)
    while len(text) < least:
        text += _PADDING
    if most is not None and len(text) > most:
        text = _cut(text, most, least)
    return text


def _cut(text: str, most: int, least: int) -> str:
    """At most `most` characters, ended at a word where that leaves enough."""
    head = text[:most]
    at_word = head.rsplit(" ", 1)[0] if " " in head else head
    return at_word if len(at_word) >= max(least, most // 2) else head


def formatted(name: Any, salt: int) -> str | None:
    """A value of a named format, or None for a format that says nothing about its text."""
    moment = _EPOCH + timedelta(seconds=salt)
    samples = {
        "date-time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "date": moment.strftime("%Y-%m-%d"),
        "time": moment.strftime("%H:%M:%SZ"),
        "duration": f"PT{salt % 3600}S",
        "email": f"simulated{salt}@example.com",
        "idn-email": f"simulated{salt}@example.com",
        "hostname": f"simulated{salt}.example.com",
        "idn-hostname": f"simulated{salt}.example.com",
        "ipv4": f"192.0.2.{salt % 255}",
        "ipv6": f"2001:db8::{salt % 65535:x}",
        "uri": f"https://example.com/simulated/{salt}",
        "iri": f"https://example.com/simulated/{salt}",
        "uri-reference": f"/simulated/{salt}",
        "iri-reference": f"/simulated/{salt}",
        "uuid": str(uuid.UUID(int=(salt << 80) | (4 << 76) | (8 << 60) | salt)),
        "json-pointer": f"/simulated/{salt}",
        "regex": "^simulated$",
    }
    return samples.get(name) if isinstance(name, str) else None


def _matching(pattern: str, text: str, salt: int) -> str:
    """`text` itself where it matches already, else one written from the pattern's structure."""
    try:
        if re.search(pattern, text):
            return text
        return _write(parser.parse(pattern), salt)
    except (re.error, RecursionError, KeyError, NotImplementedError):
        return text


def _write(tree: Any, salt: int) -> str:
    return "".join(_piece(operation, argument, salt + index) for index, (operation, argument) in enumerate(tree))


def _piece(operation: Any, argument: Any, salt: int) -> str:  # noqa: PLR0911  one line per node of a pattern
    match operation:
        case ops.LITERAL:
            return chr(argument)
        case ops.NOT_LITERAL:
            return "a" if argument != ord("a") else "b"
        case ops.ANY:
            return "a"
        case ops.IN:
            return _member(argument, salt)
        case ops.MAX_REPEAT | ops.MIN_REPEAT | ops.POSSESSIVE_REPEAT:
            low, high, inner = argument
            count = min(max(low, 1), high)
            return "".join(_write(inner, salt + turn * 7) for turn in range(count))
        case ops.SUBPATTERN:
            return _write(argument[3], salt)
        case ops.BRANCH:
            return _write(argument[1][salt % len(argument[1])], salt)
        case ops.ATOMIC_GROUP:
            return _write(argument, salt)
        case ops.AT:
            return ""
        case _:
            raise NotImplementedError(operation)


def _member(choices: Any, salt: int) -> str:
    letters = _members(choices)
    if choices and choices[0][0] is ops.NEGATE:
        allowed = [chr(code) for code in range(97, 123) if chr(code) not in letters] or [
            chr(code) for code in range(32, 127) if chr(code) not in letters
        ]
        return allowed[salt % len(allowed)]
    return letters[salt % len(letters)]


def _members(choices: Any) -> str:
    letters = ""
    for operation, argument in choices:
        match operation:
            case ops.LITERAL:
                letters += chr(argument)
            case ops.RANGE:
                letters += "".join(map(chr, range(argument[0], min(argument[1], argument[0] + 94) + 1)))
            case ops.CATEGORY:
                letters += {ops.CATEGORY_DIGIT: "0123456789", ops.CATEGORY_SPACE: " ", ops.CATEGORY_WORD: "abc019"}[
                    argument
                ]
            case _:
                continue
    return letters
