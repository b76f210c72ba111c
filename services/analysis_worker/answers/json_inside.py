"""Pure: an answer that is not wholly JSON in, the one JSON document inside its fences or prose out, unchanged.

The free rung of the ladder. It closes nothing that was not closed: a document that is still open where the text ends
is a fragment, and what lies inside a fragment, or inside a document that does not parse, is never looked at (a
truncated answer whose inner object was taken for the whole is the worst case, peers.md §2.7). Linear time: each
character belongs to one candidate at most.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from analysis_worker.answers.json_text import STRING_OR_BRACKET, TakenJson, take_json
from analysis_worker.errors import AnswerEmpty, AnswerNotJson, AnswerWrongShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from media_contracts import Fault

MOST_CANDIDATES: Final = 100
"""Prose has a few brackets; whoever writes more is not answering, and each is parsed and checked."""
_START: Final = re.compile(r"[\[{]")
# What begins like an object with a name was meant as a document, whatever has become of it.
_MEANT: Final = re.compile(r"""\{\s*["'\u201c]""")


class Check(Protocol):
    """Lists a value's faults; with a `limit` of 1 only whether there is one, which is cheap however many there are."""

    def __call__(self, value: object, /, *, limit: int = ...) -> tuple[Fault, ...]:
        """Return the first `limit` faults."""


def take_json_inside(text: str, *, check: Check) -> TakenJson:
    """Return the one document in the text that `check` has no fault with; the same document twice counts as one.

    :raises AnswerNotJson: there is none, or more than one, or one is not closed, or one is broken.
    :raises AnswerWrongShape: there is exactly one, and it is not what was asked for; `faults` say where.
    """
    fitting: list[TakenJson] = []
    wrong: list[AnswerWrongShape] = []
    for number, candidate in enumerate(_candidates(text)):
        if number == MOST_CANDIDATES:
            raise AnswerNotJson(
                f"the answer has more than {MOST_CANDIDATES} pieces in brackets; one document is needed"
            )
        # What is wrong with it is told of one only, and listing costs a thousand times what looking does.
        found = _examined(candidate, partial(check, limit=1) if wrong else check)
        if isinstance(found, TakenJson):
            fitting.append(found)
        elif found is not None:
            wrong.append(found)
    if len({taken.text for taken in fitting}) == 1:
        return fitting[0]
    if not fitting and len(wrong) == 1:
        raise wrong[0]
    raise AnswerNotJson(f"the answer has {len(fitting) + len(wrong)} JSON documents in it; one is needed")


def _examined(candidate: str, check: Callable[[object], tuple[Fault, ...]]) -> TakenJson | AnswerWrongShape | None:
    """The document, what is wrong with it, or None when it is none."""
    try:
        taken = take_json(candidate)
    except AnswerWrongShape as error:
        return error
    except (AnswerNotJson, AnswerEmpty):
        if _MEANT.match(candidate):  # it may be the answer, and the other one an example before it
            raise AnswerNotJson("a JSON document in the answer is broken, and another is not taken for it") from None
        return None
    faults = check(taken.value)
    return AnswerWrongShape("the document in the answer does not fit the schema", faults=faults) if faults else taken


def _candidates(text: str) -> Iterator[str]:
    """Yield every outermost piece from a bracket to the one that closes it.

    :raises AnswerNotJson: the last one is not closed.
    """
    at = 0
    while (start := _START.search(text, at)) is not None:
        at = _end_of(text, start.start())
        yield text[start.start() : at]


def _end_of(text: str, start: int) -> int:
    depth = 0
    for match in STRING_OR_BRACKET.finditer(text, start):
        first = text[match.start()]
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise AnswerNotJson("a JSON document in the answer is not closed: a fragment is no answer")
