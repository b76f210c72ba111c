"""Pure: what was asked and what was seen in the bytes in; the text of the answer out, plainly a simulated one."""

from __future__ import annotations

import re
from typing import Any

import orjson

from model_simulator.facts import Clip, Facts, Picture, Recording, Sequence, digest_of
from model_simulator.pooled import answer_of, find_findings
from model_simulator.schema_fill import Material, fill_schema
from model_simulator.schema_find import find_schema
from model_simulator.timelines import tracks_of

_MARK = "Simulated answer"
# A model that is told to read a marked text aloud says that text and nothing else.
_READING = re.compile(r"\bread\b.*\baloud\b.*?<text>\n(?P<words>.*)\n</text>\s*\Z", re.IGNORECASE | re.DOTALL)
_SEARCHED = "A simulated search of the web was made for this answer."
_NO_MEDIA = ("No media was sent with this question.", "Only text was read.")


def write_answer(
    *,
    texts: list[str],
    facts: tuple[Facts, ...],
    as_json: bool,
    searched: bool = False,
    schema: dict[str, Any] | None = None,
) -> str:
    """The text that is to be read aloud; else JSON that fits `schema` or the one that the prompt shows, a small JSON object in
    JSON mode without one, else prose.
    """
    reading = _READING.search(texts[-1]) if texts else None
    if reading is not None:
        return reading["words"]
    schema = find_schema(texts) if schema is None else schema
    findings = () if facts else find_findings(texts)
    if findings and (whole := answer_of(findings, schema or {})) is not None:
        return whole if isinstance(whole, str) else orjson.dumps(whole).decode()
    material = material_of(texts, facts, searched=searched)
    if schema is not None:
        return orjson.dumps(fill_schema(schema, material)).decode()
    if as_json:
        return orjson.dumps({"answer": f"{_MARK}: {material.sentences[0]}", "details": material.sentences[1:]}).decode()
    return " ".join((f"{_MARK}:", *material.sentences[:4]))


def write_reasoning(facts: tuple[Facts, ...]) -> str:
    """What a thinking model says to itself before it answers."""
    seen = " ".join(sentence for fact in facts for sentence in fact.sentences()[:2]) or _NO_MEDIA[0]
    return f"Simulated reasoning: what was sent is looked at first. {seen} That is enough to answer."


def material_of(texts: list[str], facts: tuple[Facts, ...], *, searched: bool = False) -> Material:
    """Sentences, numbers and words that are true of the media, and the digest of all that was sent."""
    sentences = tuple(sentence for fact in facts for sentence in fact.sentences()) or _NO_MEDIA
    sentences = (_SEARCHED, *sentences) if searched else sentences
    numbers: dict[str, float] = {}
    colours: tuple[str, ...] = ()
    for fact in reversed(facts):
        numbers |= _numbers(fact)
        colours = _colours(fact) or colours
    words = {
        "colour": colours,
        "color": colours,
        "format": tuple(_format(fact) for fact in facts),
        "language": ("en",),
        "speaker": ("speaker 1",),
    }
    return Material(
        sentences=sentences,
        numbers=numbers,
        words=words,
        digest=digest_of(facts) or "\n".join(texts),
        tracks=tracks_of(facts),
    )


def _numbers(fact: Facts) -> dict[str, float]:
    match fact:
        case Picture():
            sizes: dict[str, float] = {"width": fact.width, "height": fact.height, "size_bytes": fact.size_bytes}
            return sizes | {"brightness": fact.brightness_percent, "contrast": fact.contrast_percent}
        case Recording():
            return {
                "duration": fact.duration_seconds,
                "duration_seconds": fact.duration_seconds,
                "channels": fact.channels,
            }
        case Clip():
            length = {"duration": fact.duration_seconds, "duration_seconds": fact.duration_seconds}
            return length | {"width": fact.width, "height": fact.height, "frames": fact.frames}
        case Sequence():
            return {"frames": len(fact.pictures)}


def _colours(fact: Facts) -> tuple[str, ...]:
    match fact:
        case Picture():
            return fact.colours
        case Clip():
            return fact.first_frame.colours
        case Sequence():
            return fact.pictures[0].colours
        case Recording():
            return ()


def _format(fact: Facts) -> str:
    return "frames" if isinstance(fact, Sequence) else fact.format
