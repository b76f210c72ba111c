"""Pure: three real answers in, several hundred ways in which they go wrong out, each with the rung that it must lead to.

The rungs are named by the classes of `analysis_worker.answers.ladder`; `Accepted` is for what is no fault at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from analysis_worker.profiles import load_profiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_worker.answers.schemas import OutputSchema

REAL: Final[dict[str, dict[str, Any]]] = {
    "product_video": {
        "scene_description": '一位女士在厨房里打开咖啡机,镜头慢慢推近。A close-up of the crema follows; steam rises "like silk".',
        "product_features": ["19 bar 压力", "0.8 L water tank", "heats up in 25 s", "works with {any} capsule [1]"],
        "target_audience": "People who make coffee at home before work ☕",
        "music_style": "light jazz, 96 bpm, warm",
    },
    "moderation": {
        "verdict": "review",
        "findings": [
            {"category": "weapons", "severity": "medium", "confidence": 0.71, "reason": "A knife lies on the table at 12 s."},
            {"category": "personal_data", "severity": "low", "confidence": 0.4, "reason": "A number plate is legible: B-AC 1234."},
        ],
        "summary": "Two places need a person's eye.",
    },
    "visible_text": {
        "texts": [
            {
                "start_seconds": None, "end_seconds": None, "text": "SALE −50 %",
                "language": "en", "kind": "sign", "position": "top", "appearance": "large, red",
            },
            {
                "start_seconds": 1, "end_seconds": 2.5, "text": "今日特价\n第二件半价",
                "language": "zh-Hans", "kind": "label", "position": "middle", "appearance": "红色",
            },
            {
                "start_seconds": 3, "end_seconds": 4, "text": 'C:\\shop\\"new"',
                "language": "und", "kind": "screen", "position": "bottom", "appearance": "a screen's",
            },
        ]
    },
}  # fmt: skip
ENOUGH = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BadAnswer:
    """One answer: its text, the reason that the model gave for its end, and where it must lead."""

    name: str
    text: str = field(repr=False)
    schema: OutputSchema = field(repr=False)
    expected: str
    finish_reason: str = "stop"
    taken: str | None = field(default=None, repr=False)
    """The text that the rung that takes it from inside must publish."""
    output_tokens: int = 50


def bad_answers() -> Iterator[BadAnswer]:
    """Every bad answer, in a fixed order."""
    profiles = load_profiles()
    for name, value in REAL.items():
        schema, text = profiles.get(name).schema, json.dumps(value, ensure_ascii=False)
        for kind, made in (("dressed", _dressed(text)), ("broken", _broken(text)), ("shaped", _shaped(value, text))):
            for what, bad, expected in made:
                taken = text if expected == "Findings" else None
                yield BadAnswer(name=f"{name} {kind}: {what}", text=bad, schema=schema, expected=expected, taken=taken)
        for at in range(len(text)):
            yield from _truncated(name, text, at, schema)
        yield from _ended(name, text, schema)


def _dressed(text: str) -> Iterator[tuple[str, str, str]]:
    """The whole document, with something around it."""
    pretty = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    fences = {
        "fence": f"```json\n{text}\n```",
        "fence without a language": f"```\n{text}\n```",
        "fence in capitals": f"```JSON\n{text}\n```",
        "fence of tildes": f"~~~\n{text}\n~~~",
        "fence with CRLF": f"```json\r\n{text}\r\n```\r\n",
        "fence on one line": f"```json {text} ```",
        "fence that stays open": f"```json\n{text}",
        "fence that is only closed": f"{text}\n```",
        "indented fence": f"   ```json\n   {text}\n   ```",
        "prose before": f"Here is the JSON you asked for:\n\n{text}",
        "prose after": f"{text}\n\nI hope this helps! It's all that can be seen.",
        "prose around": f"Sure.\n{text}\nLet me know.",
        "prose with an apostrophe": f"It's done: {text} That's it.",
        "prose with brackets": f"(Note [sic]) {text}",
        "prose in Chinese": f"以下是分析结果:{text}。以上。",
        "prose and fence": f"Of course:\n```json\n{text}\n```\nAnything else?",
        "XML around": f"<answer>{text}</answer>",
        "twice the same": f"{text}\n\n```json\n{text}\n```",
        "label": f"json\n{text}",
        "semicolon": f"{text};",
        "assignment": f"const answer = {text};",
        "quote mark before": f'"{text}',
        "a closing bracket too many": f"{text}}}",
        "emphasis": f"**{text}**",
        "after a thought": f"<think>The clip shows a lot.</think>\n{text}",
    }
    for what, bad in fences.items():
        yield what, bad, "Findings"
    for what, fine in {"spaces": f"  \n{text}\n\t", "byte order mark": f"\ufeff{text}"}.items():
        yield what, fine, "Accepted"
    yield "indented by two", pretty, "Accepted"
    yield "two different documents", f"{text}\n{text.replace(' ', '  ', 1)}", "AskWithFaults"
    yield "a thought with half a document", f"<think>maybe {text[:20]}</think>{text}", "AskWithFaults"
    yield "an example before a broken document", f"Such as {text}. Now: {text[:-1]},}}", "AskWithFaults"
    yield "a half document after it", f"{text}\nand {text[: len(text) // 2]}", "AskWithFaults"


def _broken(text: str) -> Iterator[tuple[str, str, str]]:
    """What no JSON parser takes, or what they take differently; a parser that repairs would take most of it."""
    closing = text[:-1]
    quoted = text.replace('"', "'")
    broken = {
        "trailing comma": f"{closing},}}",
        "trailing comma in a list": ",]".join(text.rsplit("]", 1)),
        "no comma": text.replace('", "', '" "', 1),
        "two commas": text.replace(", ", ",, ", 1),
        "no colon": text.replace('": ', '" ', 1),
        "single quotes": quoted,
        "bare keys": text.replace('{"', "{", 1).replace('":', ":", 1),
        "comment": text.replace("{", "{ // the answer\n", 1),
        "block comment": text.replace("{", "{ /* the answer */", 1),
        "NaN": f'{closing}, "score": NaN}}',
        "Infinity": f'{closing}, "score": Infinity}}',
        "minus Infinity": f'{closing}, "score": -Infinity}}',
        "too large a number": f'{closing}, "score": 1e999}}',
        "leading zero": f'{closing}, "score": 007}}',
        "plus sign": f'{closing}, "score": +1}}',
        "hexadecimal": f'{closing}, "score": 0x1F}}',
        "Python's words": f'{closing}, "seen": True, "other": None}}',
        "undefined": f'{closing}, "score": undefined}}',
        "line end in a string": text.replace('": "', '": "\n', 1),
        "tab in a string": text.replace("e", "\t", 1),
        "wrong escape": text.replace("a", "\\a", 1),
        "half an escape": text.replace("e", "\\u00", 1),
        "half a surrogate pair": f'{closing}, "note": "\\ud83d"}}',
        "lone surrogate": f'{closing}, "note": "\ud83d"}}',
        "ellipsis": f"{closing}, ...}}",
        "closed by the wrong bracket": f"{closing}]",
        "brackets closed too early": text.replace("[", "[]", 1),
        "smart quotes": text.replace('"', "\u201c"),
        "escaped quotes": text.replace('"', '\\"'),
        "lines cut off": "\n".join(line[:60] for line in json.dumps(json.loads(text), indent=1).split("\n")[:-2]),
        "duplicate key": f"{closing}, {text[1:]}",
        "duplicate key by escape": f'{closing}, "x": 1, "\\u0078": 2}}',
        "integer beyond": f'{closing}, "n": {2**53}}}',
        "negative integer beyond": f'{closing}, "n": -{2**53}}}',
        "thousands of digits": f'{closing}, "n": {"9" * 5_000}}}',
    }
    for what, bad in broken.items():
        yield what, bad, "AskWithFaults"
        if what in {"trailing comma", "single quotes", "NaN", "duplicate key", "integer beyond", "comment"}:
            yield f"{what} in a fence", f"```json\n{bad}\n```", "AskWithFaults"


def _shaped(value: dict[str, Any], text: str) -> Iterator[tuple[str, str, str]]:
    """JSON of another shape than was asked for."""
    for key, inner in value.items():
        yield f"without {key}", _json({k: v for k, v in value.items() if k != key}), "AskWithFaults"
        for other in (None, 7, 1.5, True, [], {}, [[]], {"value": inner}, [inner]):
            # An empty list of texts or findings is a good answer.
            expected = (
                "Accepted" if other == [] and key in {"texts", "findings", "product_features"} else "AskWithFaults"
            )
            yield f"{key} is {_json(other)[:20]}", _json(value | {key: other}), expected
        yield f"{key} misspelt", _json({k.upper() if k == key else k: v for k, v in value.items()}), "AskWithFaults"
    deep = '{"a":' * ENOUGH + "1" + "}" * ENOUGH
    shapes = {
        "an extra key": _json(value | {"confidence": 1}),
        "extra nesting": _json({"answer": value}),
        "extra nesting twice": _json({"result": {"data": value}}),
        "in a list": _json([value]),
        "twice in a list": _json([value, value]),
        "as a string": _json(text),
        "extra nesting in a fence": f"```json\n{_json({'answer': value})}\n```",
        "extra nesting in prose": f"Here: {_json({'answer': value})}",
        "in a list in prose": f"Here: {_json([value])}",
        "the schema itself": '{"type": "object", "properties": {}}',
        "an empty object": "{}",
        "null": "null",
        "a number": "42",
        "a string": '"It is a dog."',
        "prose alone": "The clip shows a woman who makes coffee.",
        "a refusal": "I'm sorry, but I can't help with that.",
        "a long string": _json(value | {"extra": "x" * 5_000_000}),
        "10,000 deep": deep,
        "10,000 deep in a field": f'{text[:-1]}, "extra": {deep}}}',
        "10,000 deep in a fence": f"```json\n{deep}\n```",
        "10,000 brackets": "[" * ENOUGH,
        "10,000 empty lists": "[]" * ENOUGH,
        "10,000 quotes": '"' * ENOUGH,
        "a list of numbers": _json(list(range(1_000))),
    }  # fmt: skip
    for what, bad in shapes.items():
        yield what, bad, "AskWithFaults"


def _truncated(name: str, text: str, at: int, schema: OutputSchema) -> Iterator[BadAnswer]:
    """The first `at` characters: said to be truncated, said to be whole, in a fence, and whole up to the limit."""
    half, where = text[:at], f"{name} truncated at {at}"
    said = "AskWithFaults"  # never taken from inside, however much of it is closed
    yield BadAnswer(name=where, text=half, schema=schema, expected="AskLonger", finish_reason="length")
    yield BadAnswer(name=f"{where}, said to be whole", text=half, schema=schema, expected=said)
    yield BadAnswer(name=f"{where}, in a fence", text=f"```json\n{half}\n```", schema=schema, expected=said)
    # No text at all is empty, whatever was counted.
    limit = "AskLonger" if half.strip() else said
    yield BadAnswer(name=f"{where}, at the limit", text=half, schema=schema, expected=limit, output_tokens=2_048)
    partly = half.encode()[:-1].decode("utf-8", "replace")
    yield BadAnswer(name=f"{where}, in mid-character", text=partly, schema=schema, expected=said)


def _ended(name: str, text: str, schema: OutputSchema) -> Iterator[BadAnswer]:
    """A whole text under an ending that is none."""
    for reason, expected in {
        "length": "AskLonger",
        "content_filter": "GiveUp",
        "tool_calls": "LeaveToRetry",
        "": "LeaveToRetry",
    }.items():
        yield BadAnswer(
            name=f"{name} ended by {reason or 'nothing'}",
            text=text,
            schema=schema,
            expected=expected,
            finish_reason=reason,
        )
    for empty in ("", " ", "\n\n\t", "\ufeff"):
        yield BadAnswer(name=f"{name} empty {empty!r}", text=empty, schema=schema, expected="AskWithFaults")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
