"""The glossary's table against the code: it says where every idea lives, so every module must be there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "glossary.md"


def rows():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][2:]
    return [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines]


def test_every_term_has_a_meaning_and_a_module_that_exists():
    broken = [
        row
        for row in rows()
        if len(row) != 3 or not row[1] or importlib.util.find_spec(row[2].removeprefix("`").removesuffix("`")) is None
    ]
    assert broken == []


def test_no_term_stands_twice_and_they_are_in_order():
    terms = [row[0] for row in rows()]
    assert len(terms) > 40
    assert terms == sorted(set(terms))
