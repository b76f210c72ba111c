"""Pure: the text of a JSON object as it grows in, each of its members and list items out as soon as it is closed.

Nothing is said before the first bracket that starts an object: fences and prose are passed over, and so is a list, as
json_inside.py has it. Each character is looked at once, however the text is cut into pieces. What is no JSON, or has a
name twice, ends it; that a value is JSON is for the caller to see.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, assert_never

import orjson

_START: Final = re.compile(r"[\[{]")
_MARK: Final = re.compile(r'["\[\]{},:]')
_INNER_MARK: Final = re.compile(r'["\[\]{}]')
_STRING_MARK: Final = re.compile(r'["\\]')
_BLANK: Final = " \t\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """A member of the object, or an item of one that is a list; `text` is what stands there, None when it is too long.

    A list itself is never told: it is closed only with its last item.
    """

    name: str
    index: int | None
    text: str | None


class _Place(Enum):
    BEFORE = auto()
    LIST_BEFORE = auto()
    NAME = auto()
    VALUE = auto()
    ITEM = auto()
    AFTER_ITEMS = auto()
    OVER = auto()


class GrowingJson:
    """One document; feed it pieces as they come. Values of more than `most_characters` are not kept."""

    def __init__(self, *, most_characters: int) -> None:
        self._most_characters = most_characters
        self._place = _Place.BEFORE
        self._open_brackets = 0
        """Within the value that is read."""
        self._in_string = False
        self._escapes = False
        self._kept: list[str] = []
        self._kept_characters = 0
        self._name = ""
        self._names: set[str] = set()
        self._index = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be told: the object is closed, or it is none."""
        return self._place is _Place.OVER

    def feed(self, piece: str) -> list[Closed]:
        """Take the next piece of text; returns what it closes, in order."""
        closed: list[Closed] = []
        at = kept_to = 0
        if piece and self._escapes:
            self._escapes, at = False, 1
        while not self.is_over and (match := self._pattern().search(piece, at)) is not None:
            mark, at = match.start(), match.end()
            if self._in_string:
                at = self._in_a_string(piece, mark)
            elif piece[mark] == '"':
                self._in_string = True
            elif self._open_brackets:
                self._at_inner_bracket(piece[mark])
            else:
                self._keep(piece[kept_to:mark])
                kept_to = mark
                if self._at_border(piece[mark], closed):
                    kept_to = at
        self._keep(piece[kept_to:])
        return closed

    def _pattern(self) -> re.Pattern[str]:
        if self._in_string:
            return _STRING_MARK
        if self._open_brackets:
            return _INNER_MARK
        return _START if self._place is _Place.BEFORE else _MARK

    def _in_a_string(self, piece: str, mark: int) -> int:
        """Where to go on after a quote or a backslash in a string."""
        if piece[mark] == '"':
            self._in_string = False
            return mark + 1
        self._escapes = mark + 1 == len(piece)  # what it escapes comes with the next piece
        return mark + 2

    def _at_inner_bracket(self, bracket: str) -> None:
        self._open_brackets += 1 if bracket in "[{" else -1
        if not self._open_brackets and self._place is _Place.LIST_BEFORE:
            self._place = _Place.BEFORE

    def _at_border(self, mark: str, closed: list[Closed]) -> bool:
        """Take what may end a name or a value; False when it is a part of the value."""
        match self._place:
            case _Place.BEFORE:
                self._place = _Place.NAME if mark == "{" else _Place.LIST_BEFORE
                self._open_brackets = 0 if mark == "{" else 1
            case _Place.NAME:
                self._at_name_end(mark)
            case _Place.VALUE | _Place.ITEM:
                return self._at_value_mark(mark, closed)
            case _Place.AFTER_ITEMS:
                is_next = mark == "," and not self._taken()
                self._place = _Place.NAME if is_next else _Place.OVER
            case _Place.LIST_BEFORE | _Place.OVER:
                self._place = _Place.OVER
            case _:
                assert_never(self._place)
        return True

    def _at_name_end(self, mark: str) -> None:
        self._place = _Place.OVER
        text = self._taken()
        try:
            name = orjson.loads(text) if mark == ":" and text else None
        except orjson.JSONDecodeError:
            return
        if isinstance(name, str) and name not in self._names:
            self._names.add(name)
            self._name, self._place = name, _Place.VALUE

    def _at_value_mark(self, mark: str, closed: list[Closed]) -> bool:
        in_list = self._place is _Place.ITEM
        if mark == "[" and not in_list and self._is_blank():
            self._taken()
            self._place, self._index = _Place.ITEM, 0
            return True
        if mark in "[{":
            self._open_brackets = 1
            return False
        if mark == "]" and in_list and not self._index and self._is_blank():  # an empty list
            self._taken()
            self._place = _Place.AFTER_ITEMS
            return True
        if mark not in ("]," if in_list else "},"):
            self._place = _Place.OVER
            return True
        closed.append(Closed(name=self._name, index=self._index if in_list else None, text=self._taken()))
        if mark == ",":
            self._index += 1
            self._place = _Place.ITEM if in_list else _Place.NAME
        else:
            self._place = _Place.AFTER_ITEMS if in_list else _Place.OVER
        return True

    def _keep(self, text: str) -> None:
        place = self._place  # no set of them: it is asked at every piece, and hashing them takes longest of all
        if not text or place is _Place.BEFORE or place is _Place.LIST_BEFORE or place is _Place.OVER:
            return
        self._kept_characters += len(text)
        if self._kept_characters <= self._most_characters:
            self._kept.append(text)
        else:
            self._kept.clear()

    def _is_blank(self) -> bool:
        return self._kept_characters <= self._most_characters and not "".join(self._kept).strip(_BLANK)

    def _taken(self) -> str | None:
        text = "".join(self._kept).strip(_BLANK) if self._kept_characters <= self._most_characters else None
        self._kept, self._kept_characters = [], 0
        return text
