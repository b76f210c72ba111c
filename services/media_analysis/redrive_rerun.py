"""Pure: the record of a request in, the same record with another `rerun` out: every other byte as it was.

`rerun` is a field of the data and part of the identity (DESIGN.md §3); no header carries it. So its number is written
over the old one in the JSON text, or put first in the object that has none. Key, headers and the event's id stay: they
are the requester's, who finds the answer by them. It is the same in plain JSON, whose source hangs on its topic alone.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from json import JSONDecoder
from typing import TYPE_CHECKING, Final

from media_contracts.cloud_events import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_contracts import KafkaRecord

_STRUCTURED: Final = "application/cloudevents"
_WHITESPACE: Final = " \t\n\r"
_DECODER: Final = JSONDecoder()


def with_rerun(record: KafkaRecord, rerun: int) -> KafkaRecord:
    """Return the record of a valid request, asked again under this number."""
    text = (record.value or b"").decode()
    spans = {name: (start, end) for name, start, end in _members(text, _skip(text, 0))}
    if not _is_structured(record):
        return replace(record, value=_renumbered(text, 0, rerun).encode())
    if "data_base64" in spans and "data" not in spans:
        start, end = spans["data_base64"]
        data = b64decode(_DECODER.raw_decode(text, start)[0]).decode()
        again = b64encode(_renumbered(data, 0, rerun).encode()).decode()
        return replace(record, value=f'{text[:start]}"{again}"{text[end:]}'.encode())
    return replace(record, value=_renumbered(text, spans["data"][0], rerun).encode())


def _is_structured(record: KafkaRecord) -> bool:
    types = [value or b"" for name, value in record.headers if name.lower() == CONTENT_TYPE]
    return any(each.decode(errors="replace").strip().lower().startswith(_STRUCTURED) for each in types)


def _renumbered(text: str, at: int, rerun: int) -> str:
    """The text with that number in the object that begins behind `at`."""
    opening = _skip(text, at)
    for name, start, end in _members(text, opening):
        if name == "rerun":
            return f"{text[:start]}{rerun}{text[end:]}"
    return f'{text[: opening + 1]}"rerun":{rerun},{text[opening + 1 :]}'


def _members(text: str, opening: int) -> Iterator[tuple[str, int, int]]:
    """Name of each member of the object that opens there, and where its value begins and ends; the JSON is valid."""
    at = _skip(text, opening + 1)
    while text[at] != "}":
        name, behind = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, behind) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _WHITESPACE:
        at += 1
    return at
