"""Pure: a case of the corpus in, what our reader makes of it in several chunkings out, and what it got wrong."""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random
from typing import TYPE_CHECKING, Any

from analysis_worker.provider.provider_errors import classify_response
from analysis_worker.provider.stream import Answer, StreamReader, answer_fault
from analysis_worker.provider.usage import to_usage
from analysis_worker.tokens import text_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.corpus.streams import Case

INPUT_ESTIMATE = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one case came to: every departure from the truth, the tally's error, and the estimate's."""

    faults: tuple[str, ...]
    false_complete: bool
    tally_error: int | None
    """Tokens, absolute, of what was reported; None where nothing was."""
    estimate_error: float | None
    """Relative, of what was not reported; None where nothing was left to estimate."""


def read(case: Case, chunks: Iterable[bytes]) -> tuple[Answer, bytes]:
    """Read the stream as it comes in these chunks, as the model's border does: until the reader is done."""
    heard = bytearray()
    reader = StreamReader(started_at=0.0, http_status=case.http_status, on_audio=heard.extend)
    for chunk in chunks:
        reader.feed(chunk, 1.0)
        if reader.done:
            break
    return reader.finish(case.end, 1.0), bytes(heard)


def chunkings(case: Case, *, bytewise: bool) -> list[list[bytes]]:
    """The stream in one piece, in pieces of random size, and byte by byte where asked for."""
    random, wire = Random(f"chunks {case.number}"), case.wire
    cuts = sorted(random.randrange(len(wire) + 1) for _ in range(random.randrange(1, 12)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    found = [[wire], pieces]
    if bytewise:
        found.append([wire[i : i + 1] for i in range(len(wire))])
    return found


def judge(case: Case, *, bytewise: bool) -> Reading:
    """Read the case in every chunking and compare with the truth."""
    if case.http_status != 200:
        return _judge_refusal(case)
    whole, *others = chunkings(case, bytewise=bytewise)
    answer, heard = read(case, whole)
    truth, faults = case.truth, []
    expected = {"text": truth.text, "reasoning": truth.reasoning, "ending": truth.ending}
    expected |= {"finish_reason": truth.finish_reason, "audio_bytes": len(truth.sound)}
    found = {name: getattr(answer, name) for name in expected}
    faults += [f"{name}: {found[name]!r}, not {value!r}" for name, value in expected.items() if found[name] != value]
    uncounted = (answer.uncounted.text, answer.uncounted.reasoning, answer.uncounted.audio_bytes)
    if uncounted != truth.uncounted:
        faults.append(f"uncounted: {uncounted!r}, not {truth.uncounted!r}")
    if heard != truth.sound:
        faults.append("sound: other bytes")
    same = comparable(answer)
    faults += [
        f"chunking {n}: another answer" for n, one in enumerate(others) if comparable(read(case, one)[0]) != same
    ]
    tally, parts = _tally(case, answer)
    return Reading(
        faults=(*faults, *parts),
        false_complete=answer_fault(answer) is None and not truth.is_complete,
        tally_error=tally,
        estimate_error=_estimate_error(case, answer),
    )


def _judge_refusal(case: Case) -> Reading:
    fault = classify_response(http_status=case.http_status, headers={}, body=case.wire, now=None)
    found = "filtered" if fault.code == "content_filtered" else "error"
    faults = () if found == case.truth.ending else (f"the refusal is {fault.code}, not {case.truth.ending}",)
    return Reading(faults=faults, false_complete=False, tally_error=None, estimate_error=None)


def comparable(answer: Answer) -> dict[str, Any]:
    """All that an answer says, with its error by what it says: errors are equal only to themselves."""
    found = {one.name: getattr(answer, one.name) for one in fields(answer)}
    error = found.pop("provider_error")
    return found | {"error": (type(error), str(error))}


def _tally(case: Case, answer: Answer) -> tuple[int | None, list[str]]:
    """The absolute error of the reported part of both totals, and parts that differ from the truth."""
    truth = case.truth.usage
    if truth is None:
        return None, [] if answer.usage is None else ["usage: out of nothing"]
    rest = text_tokens(answer.uncounted.text) + text_tokens(answer.uncounted.reasoning)
    usage = to_usage(
        answer.usage, estimated_input_tokens=INPUT_ESTIMATE, estimated_output_tokens=rest, uncounted_output_tokens=rest
    )
    error = abs(usage.input_tokens - usage.estimated.input_tokens - truth["prompt_tokens"])
    error += abs(usage.output_tokens - usage.estimated.output_tokens - truth["completion_tokens"])
    faults, details = [], truth.get("prompt_tokens_details")
    if details and (usage.input.text, usage.input.video) != (details["text_tokens"], details["video_tokens"]):
        faults.append(f"input by modality: {usage.input!r}, not {details!r}")
    output = truth.get("completion_tokens_details")
    if output and not rest:
        reasoning, audio = output["reasoning_tokens"], output.get("audio_tokens", 0)
        expected = (truth["completion_tokens"] - reasoning - audio, audio, reasoning)
        if (usage.output.text, usage.output.audio, usage.output.reasoning) != expected:
            faults.append(f"output by kind: {usage.output!r}, not {expected!r}")
    return error, faults


def _estimate_error(case: Case, answer: Answer) -> float | None:
    tokens = case.truth.uncounted_tokens
    if not tokens:
        return None
    estimate = text_tokens(answer.uncounted.text) + text_tokens(answer.uncounted.reasoning)
    return estimate / tokens - 1
