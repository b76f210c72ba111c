"""Pure: a number in, one stream as a server could send it out, with what a reader must make of it.

The truth is known by construction: each event carries what it adds, and the truth is the sum over the events that
arrive whole. Nothing here calls the reader.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from tests.corpus.words import words

ENDINGS: Final = ("finished", "truncated", "filtered", "cut", "stalled", "error")
FAULTS: Final = (
    *("none",) * 8, "length", "length", "moderated", "refused", "cut", "cut", "cut", "cut", "early_close", "stall",
    "stall", "error", "error", "garbled", "plain", "sse_refusal",
)  # fmt: skip
PLACES: Final = (
    "never", "before_last", "inside_last", "in_finish", "after", "after", "after_with_choices", "cumulative",
    "cumulative", "zeros_at_the_end", "twice", "no_total",
)  # fmt: skip
ERRORS: Final = (
    ("error", {"code": "limit_requests", "message": "You exceeded your current requests list.", "type": "limit_requests"}),
    ("error", {"code": "internal_error", "message": "An internal error has occured", "type": "internal_error"}),
    ("error", {"message": "boom"}),
    ("error", "upstream went away"),
    ("filtered", {"code": "data_inspection_failed", "message": "Output data may contain inappropriate content."}),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What one event adds to the answer."""

    text: str = ""
    reasoning: str = ""
    sound: bytes = b""
    tokens: int = 0
    """Tokens of text and reasoning."""
    finish: str | None = None
    usage: dict[str, Any] | None = None
    """What was really used until here, where the event reports it."""
    error: str | None = None
    garbled: bool = False
    ends: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What the reader must find."""

    text: str
    reasoning: str
    sound: bytes
    tokens: int
    ending: str
    finish_reason: str | None
    usage: dict[str, Any] | None
    uncounted: tuple[str, str, int]
    uncounted_tokens: int
    is_complete: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One stream: its bytes, how its connection ended, and the truth."""

    number: int
    wire: bytes = field(repr=False)
    http_status: int
    end: str
    fault: str
    place: str
    truth: Truth


@dataclass(kw_only=True, slots=True)
class _Event:
    document: dict[str, Any] | None
    effect: Effect
    lines: bytes = b""
    """Written out by hand; else made from the document."""


def make_case(number: int) -> Case:
    """Return the stream of that number; the same number is the same stream."""
    random = Random(f"stream {number}")
    fault, place = random.choice(FAULTS), random.choice(PLACES)
    if fault == "sse_refusal":
        return _refusal(number, random)
    events = _events(random, fault=fault, place=place)
    if fault == "plain":
        return _plain(number, random, events, place)
    _add_fault(random, fault, events)
    wire, ends = _written(random, events)
    end = {"cut": "cut", "stall": "stalled"}.get(fault, random.choice(["closed", "closed", "cut"]))
    if fault in {"cut", "stall"}:
        wire = wire[: random.randrange(len(wire) + 1)]
    arrived = [event.effect for event, at in zip(events, ends, strict=True) if at <= len(wire)]
    truth = _truth(arrived, end=end)
    return Case(number=number, wire=wire, http_status=200, end=end, fault=fault, place=place, truth=truth)


def _truth(effects: list[Effect], *, end: str) -> Truth:
    """Sum up what arrived; nothing counts after an error or the end marker."""
    last = next((i for i, effect in enumerate(effects) if effect.error or effect.ends), len(effects))
    effects = effects[: last + 1]
    text = "".join(effect.text for effect in effects)
    reasoning = "".join(effect.reasoning for effect in effects)
    finish = next((effect.finish for effect in reversed(effects) if effect.finish), None)
    error = next((effect.error for effect in effects if effect.error), None)
    if error is None and any(effect.garbled for effect in effects):
        error = "error"
    by_finish = {"stop": "finished", "length": "truncated", "content_filter": "filtered"}
    ending = error or by_finish.get(finish or "") or ("stalled" if end == "stalled" else "cut")
    reports = [i for i, effect in enumerate(effects) if effect.usage]
    grew = len({effects[i].usage["completion_tokens"] for i in reports}) > 1
    counted = len(effects) if reports and finish and not grew else reports[-1] + 1 if reports else 0
    rest = effects[counted:]
    return Truth(
        text=text,
        reasoning=reasoning,
        sound=b"".join(effect.sound for effect in effects),
        tokens=sum(effect.tokens for effect in effects),
        ending=ending,
        finish_reason=finish,
        usage=effects[reports[-1]].usage if reports else None,
        uncounted=(
            "".join(effect.text for effect in rest),
            "".join(effect.reasoning for effect in rest),
            sum(len(effect.sound) for effect in rest),
        ),
        uncounted_tokens=sum(effect.tokens for effect in rest),
        is_complete=ending == "finished" and bool(text.strip()),
    )


def _events(random: Random, *, fault: str, place: str) -> list[_Event]:
    """Return a good stream's events, without fault and end marker."""
    envelope = {"id": f"chatcmpl-{random.getrandbits(32):08x}", "model": "qwen3.5-omni-plus", "created": 1_757_937_336}
    effects = _spoken(random) if random.random() < 0.12 else _written_answer(random)
    events = [_Event(document=_chunk(random, envelope, effect), effect=effect) for effect in effects]
    if random.random() < 0.6:
        opening = {"role": "assistant", "content": random.choice(["", None])}
        events.insert(0, _Event(document={**envelope, "choices": [_choice(opening)], "usage": None}, effect=Effect()))
    finish = {"length": "length", "moderated": "content_filter"}.get(fault, "stop")
    delta = random.choice([{}, {"content": ""}, {"content": "", "reasoning_content": None}, {"content": None}])
    last = _Event(document={**envelope, "choices": [_choice(delta, finish)]}, effect=Effect(finish=finish))
    events.append(last)
    _report(random, place, events, envelope)
    return events


def _written_answer(random: Random) -> list[Effect]:
    chinese = random.random() < 0.4
    # Most answers are short here, some are long: the number of events is what the reader's faults depend on.
    size = min(int(random.lognormvariate(3.0, 1.1)) + 1, 1_500)
    effects = []
    if random.random() < 0.25:
        thought = words(random, tokens=max(size // 2, 1), chinese=chinese)
        effects = [Effect(reasoning="".join(piece), tokens=len(piece)) for piece in _grouped(random, thought)]
    said = words(random, tokens=size, chinese=chinese)
    return effects + [Effect(text="".join(piece), tokens=len(piece)) for piece in _grouped(random, said)]


def _spoken(random: Random) -> list[Effect]:
    said = [
        Effect(text="".join(piece), tokens=len(piece))
        for piece in _grouped(random, words(random, tokens=12, chinese=False))
    ]
    # Whole groups of three bytes: the base64 of each piece is then a piece of the base64 of all.
    return said + [Effect(sound=random.randbytes(3 * random.randrange(1, 40))) for _ in range(random.randrange(1, 5))]


def _grouped(random: Random, pieces: list[str]) -> list[list[str]]:
    groups, at = [], 0
    while at < len(pieces):
        size = random.randrange(1, 9)
        groups.append(pieces[at : at + size])
        at += size
    return groups


def _chunk(random: Random, envelope: dict[str, Any], effect: Effect) -> dict[str, Any]:
    delta: dict[str, Any] = {}
    if effect.text:
        delta = {"content": effect.text}
    elif effect.reasoning:
        delta = {"content": None, "reasoning_content": effect.reasoning}
    elif effect.sound:
        delta = {"audio": {"data": base64.b64encode(effect.sound).decode(), "expires_at": 1, "id": "audio_1"}}
    document = {**envelope, "choices": [_choice(delta)], "usage": None, "system_fingerprint": None}
    if random.random() < 0.1:
        document["x_unknown"] = {"a": [1, {"b": None}]}
    return document


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}


def _usage(random: Random, *, prompt: int, text: int, reasoning: int, audio: int, style: int) -> dict[str, Any]:
    """A usage object in one of the styles that were seen (provider.md, "Usage object")."""
    completion = text + reasoning + audio
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if style >= 1:
        inclusive = style == 2  # text_tokens with the reasoning in it (CHAT), or beside it (S1)
        details = {"text_tokens": text + reasoning if inclusive else text, "reasoning_tokens": reasoning}
        usage["completion_tokens_details"] = details | ({"audio_tokens": audio} if audio else {})
        video = prompt * 3 // 4
        usage["prompt_tokens_details"] = {"text_tokens": prompt - video, "video_tokens": video, "cached_tokens": 0}
    return usage


def _report(random: Random, place: str, events: list[_Event], envelope: dict[str, Any]) -> None:
    """Put the usage where `place` says."""
    prompt, style = random.randrange(5, 200_000), random.randrange(3)
    counts = {"text": 0, "reasoning": 0, "audio": 0}
    so_far = []
    for event in events:
        counts["text"] += event.effect.tokens if event.effect.text else 0
        counts["reasoning"] += event.effect.tokens if event.effect.reasoning else 0
        counts["audio"] += len(event.effect.sound) // 3
        so_far.append(_usage(random, prompt=prompt, style=style, **counts))
    final, contents = so_far[-1], [i for i, event in enumerate(events) if event.effect.text or event.effect.sound]
    after = {**envelope, "choices": random.choice([[], [], None])}
    own = _Event(document=after | {"usage": final}, effect=Effect(usage=final))
    bare = {name: final[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    if place == "before_last":
        events.insert(contents[-1], own)
    elif place in {"inside_last", "in_finish"}:
        _attach(events[contents[-1] if place == "inside_last" else -1], final)
    elif place in {"cumulative", "zeros_at_the_end"}:
        for event, usage in zip(events, so_far, strict=True):
            _attach(event, usage)
        zeros = _Event(document=after | {"usage": dict.fromkeys(bare, 0)}, effect=Effect())
        events += [zeros] * (place == "zeros_at_the_end")
    elif place == "after_with_choices":
        beside = {**envelope, "choices": [_choice({})], "usage": final}
        events.append(_Event(document=beside, effect=Effect(usage=final)))
    elif place == "no_total":
        short = {name: value for name, value in final.items() if name != "total_tokens"}
        events.append(_Event(document=after | {"usage": short}, effect=Effect(usage=final)))
    elif place in {"after", "twice"}:
        events += [own, _Event(document=after | {"usage": bare}, effect=Effect())][: 1 + (place == "twice")]


def _attach(event: _Event, usage: dict[str, Any]) -> None:
    event.document = {**(event.document or {}), "usage": usage}
    event.effect = replace(event.effect, usage=usage)


def _add_fault(random: Random, fault: str, events: list[_Event]) -> None:
    done = _Event(document=None, effect=Effect(ends=True), lines=b"data: [DONE]")
    at = random.randrange(len(events) + 1)
    match fault:
        case "early_close":
            del events[at:]
        case "error" | "refused":
            kind, said = ERRORS[-1] if fault == "refused" else random.choice(ERRORS)
            events.insert(at, _Event(document={"error": said}, effect=Effect(error=kind)))
        case "garbled":
            whole = json.dumps(events[at % len(events)].document).encode()
            half = whole[: random.randrange(1, len(whole))] if random.random() < 0.5 else whole[:-3] + b'\xe4\xbd"}]}'
            events.insert(at, _Event(document=None, effect=Effect(garbled=True), lines=b"data: " + half))
    if random.random() < 0.8 and fault != "early_close":
        events.append(done)
        if random.random() < 0.05:  # what comes after the end marker is nobody's
            stray = {"choices": [_choice({"content": "stray"})]}
            events.append(_Event(document=stray, effect=Effect()))


def _written(random: Random, events: list[_Event]) -> tuple[bytes, list[int]]:
    """Return the bytes, and for each event the length by which it has arrived whole, its line end not needed."""
    end = random.choice([b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\r"])
    dressing, multi_line = random.random() < 0.3, random.random() < 0.12
    out = bytearray(b"\xef\xbb\xbf" if random.random() < 0.08 else b"")
    ends = []
    for event in events:
        if dressing and random.random() < 0.3:
            out += random.choice(
                [b": keep-alive", b":", b"event: chunk", b"id: 7", b"retry: 10", b"data:", b"data: ping"]
            )
            out += end + end
        out += event.lines or _data_lines(random, event.document, end, multi_line=multi_line)
        ends.append(len(out))
        out += end + end
    if random.random() < 0.1:  # the last event lacks its blank line, or its line end
        del out[-len(end) * random.randrange(1, 3) :]
    return bytes(out), ends


def _data_lines(random: Random, document: dict[str, Any] | None, end: bytes, *, multi_line: bool) -> bytes:
    text = json.dumps(document, ensure_ascii=random.random() < 0.2, indent=1 if multi_line else None)
    field = b"data:" if random.random() < 0.2 else b"data: "
    return end.join(field + line.encode() for line in text.split("\n"))


def _plain(number: int, random: Random, events: list[_Event], place: str) -> Case:
    """A server that ignores `stream`: one JSON document."""
    effects = [event.effect for event in events]
    whole = _truth(effects, end="closed")
    usage = whole.usage
    message = {"role": "assistant", "content": whole.text, "reasoning_content": whole.reasoning or None}
    document = {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    wire = json.dumps(document, indent=random.choice([None, 2])).encode()
    truth = replace(whole, sound=b"", uncounted=("", "", 0) if usage else (whole.text, whole.reasoning, 0))
    truth = replace(truth, uncounted_tokens=0 if usage else whole.tokens)
    return Case(number=number, wire=wire, http_status=200, end="closed", fault="plain", place=place, truth=truth)


def _refusal(number: int, random: Random) -> Case:
    """A status that is no success, with a body that is written as a stream."""
    kind, said = random.choice(ERRORS)
    event = _Event(document={"error": said}, effect=Effect(error=kind))
    wire, _ = _written(random, [event])
    status = random.choice([400, 429, 500, 503])
    truth = _truth([event.effect], end="closed")
    return Case(
        number=number, wire=wire, http_status=status, end="closed", fault="sse_refusal", place="never", truth=truth
    )
