"""Pure: an honest answer and a direction in; the pieces that will be sent, and how they end, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from model_simulator.answer import write_answer, write_reasoning
from model_simulator.tally import OutputTally
from model_simulator.tokens import speech_tokens, text_tokens
from model_simulator.voice import seconds_of, spoken_pieces

if TYPE_CHECKING:
    from model_simulator.chat_request import ChatRequest
    from model_simulator.facts import Facts
    from model_simulator.rule_table import RuleTable
    from model_simulator.scenario import Direction

_SHORT_PARTS = 2  # a truncated answer keeps half of its text
_PROSE = "Simulated answer: this is prose and no JSON at all, although JSON was asked for."
_WRONG = '{"simulated": [{"unexpected": {"shape": null}}, 9007199254740993, "Simulated answer of a wrong shape."]}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What one chunk carries; of speech it is the text that is spoken, whose sound is made when it is sent."""

    kind: Literal["reasoning", "text", "speech"]
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Performance:
    """Everything that will be said, in order, and the finish reason."""

    pieces: tuple[Piece, ...]
    finish_reason: Literal["stop", "length"]

    def joined(self, kind: str) -> str:
        """The whole text of a kind."""
        return "".join(piece.content for piece in self.pieces if piece.kind == kind)


def plan_performance(
    request: ChatRequest, facts: tuple[Facts, ...], direction: Direction, rules: RuleTable
) -> Performance:
    """Write the answer, spoil it as the scenario wants, keep it under the token limits and split it into chunks."""
    texts = request.texts()
    as_json = request.response_format() != "text"
    honest = write_answer(
        texts=texts, facts=facts, as_json=as_json, searched=request.searches, schema=request.response_schema()
    )
    text = spoil(honest if direction.action.text is None else direction.action.text, direction.action.fault)
    reasoning = write_reasoning(facts) if request.thinking else ""
    cap = _output_limit(request, text_tokens(reasoning, rules))
    kept = text if direction.action.whole else cut_to_tokens(text, cap, rules)
    short = len(kept) < len(text) or direction.action.fault == "length"
    size = direction.pace.chunk_characters
    pieces = [Piece(kind="reasoning", content=part) for part in split(reasoning, size)]
    pieces += [Piece(kind="text", content=part) for part in split(kept, size)]
    if request.speech:
        pieces += [Piece(kind="speech", content=part) for part in spoken_pieces(kept)]
    return Performance(pieces=tuple(pieces), finish_reason="length" if short else "stop")


def spoil(text: str, fault: str | None) -> str:
    """The answer as a fault of its content leaves it; other faults leave it alone."""
    spoiled = {
        "truncated_json": text[: max(1, len(text) // _SHORT_PARTS)],
        "length": text[: max(1, len(text) // _SHORT_PARTS)],
        "prose_around_json": f"Here is the JSON that you asked for:\n\n{text}\n\nI hope this {{simulated}} answer helps.",
        "fenced_json": f"```json\n{text}\n```",
        "wrong_shape": _WRONG,
        "empty": "",
        "non_json": _PROSE,
    }
    return spoiled.get(fault or "", text)


def cut_to_tokens(text: str, cap: int, rules: RuleTable) -> str:
    """The longest beginning of `text` of at most `cap` tokens."""
    if text_tokens(text, rules) <= cap:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_tokens(text[:middle], rules) <= cap else (low, middle - 1)
    return text[:low]


def split(text: str, characters: int) -> list[str]:
    """Chunks of at most `characters`; nothing for an empty text."""
    return [text[start : start + characters] for start in range(0, len(text), characters)]


def produced(pieces: tuple[Piece, ...], request: ChatRequest, rules: RuleTable) -> OutputTally:
    """Output tokens of pieces, whether or not anybody received them."""
    text = "".join(piece.content for piece in pieces if piece.kind == "text")
    reasoning = "".join(piece.content for piece in pieces if piece.kind == "reasoning")
    spoken = seconds_of("".join(piece.content for piece in pieces if piece.kind == "speech"), rules)
    return OutputTally(
        text=text_tokens(text, rules),
        reasoning=text_tokens(reasoning, rules),
        speech=speech_tokens(spoken, request.model.family),
    )


def _output_limit(request: ChatRequest, reasoning_tokens: int) -> int:
    """`max_tokens` excludes reasoning, `max_completion_tokens` includes it and is capped in silence (CHAT, PR #365)."""
    limit = request.model.max_output_tokens
    answer = request.fields.get("max_tokens") or limit
    both = min(request.fields.get("max_completion_tokens") or limit, limit)
    return max(0, min(answer, both - reasoning_tokens))
