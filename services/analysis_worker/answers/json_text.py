"""Pure: the text of an answer in, its JSON value out, or the leaf that says why it is none.

Strict on purpose (DESIGN.md §3): a repaired fragment is never called a success. The accepted text is passed on
unchanged, so every reader sees the numbers and the order that the model wrote.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

import orjson

from analysis_worker.answers.schema_faults import shown_name
from analysis_worker.errors import AnswerEmpty, AnswerNotJson, AnswerWrongShape

# Deeper than any schema of ours can ask for (32 levels), and far from the limits of any JSON parser.
MAX_DEPTH: Final = 128
# RFC 8259 §6: beyond this, readers disagree about which number it is.
MAX_INTEGER: Final = 2**53 - 1
_MAX_INTEGER_CHARACTERS: Final = len(str(-MAX_INTEGER))
_WHITESPACE: Final = " \t\r\n\ufeff"
# Possessive, and an open string runs to the end: each character is looked at once, also in what is no JSON.
STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{\]}]', re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenJson:
    """An accepted answer: `text` is exactly what the model wrote, without the white space around it."""

    value: object
    text: str


def take_json(text: str) -> TakenJson:
    """Return the one JSON document that the whole text is.

    Raises `AnswerEmpty`, `AnswerNotJson` (prose, fences, fragments, NaN), `AnswerWrongShape` (duplicate keys, integers
    beyond 2^53-1, more than 128 levels). Linear time.
    """
    document = text.strip(_WHITESPACE)
    if not document:
        raise AnswerEmpty("the model's answer has no text")
    if _depth_exceeds(document, MAX_DEPTH):
        raise AnswerWrongShape(f"the answer nests more than {MAX_DEPTH} levels deep")
    try:
        value = json.loads(document, object_pairs_hook=_unique, parse_int=_bounded_integer, parse_constant=_constant)
        # The second opinion refuses what the first lets pass: half a surrogate pair, numbers that are infinite.
        orjson.loads(document)
    except ValueError as error:  # both parsers' errors; they name position and expectation, never the text itself
        raise AnswerNotJson(f"the answer ({len(document)} characters) is no JSON document: {error}") from error
    return TakenJson(value=value, text=document)


def _depth_exceeds(text: str, limit: int) -> bool:
    depth = 0
    for match in STRING_OR_BRACKET.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > limit:
                return True
        elif first in "]}":
            depth -= 1
    return False


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # set.add is the idiom for "remember"
        raise AnswerWrongShape(f"the answer has the key {shown_name(twice)!r} twice in one object")
    return value


def _bounded_integer(digits: str) -> int:
    # Length first: turning a million digits into an integer takes quadratic time.
    if len(digits) > _MAX_INTEGER_CHARACTERS or abs(int(digits)) > MAX_INTEGER:
        raise AnswerWrongShape(f"the answer has the integer {digits[:24]}, beyond 2^53-1")
    return int(digits)


def _constant(name: str) -> NoReturn:
    raise AnswerNotJson(f"the answer has {name}, which is no JSON")
