"""Pure: a whole answer in, `Findings` out: JSON that fits the schema, or what is wrong with it (law 7).

Whether the stream ended properly was checked before; here it is only the text.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from analysis_worker.answers.json_text import take_json
from analysis_worker.answers.ladder import require_end, take_inside
from analysis_worker.answers.timeline import timeline_faults
from analysis_worker.errors import AnswerEmpty, AnswerNotJson, AnswerWrongShape
from analysis_worker.profiles import FREE_TEXT
from analysis_worker.speech import KIND as SPEECH
from analysis_worker.values import Findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.answers.json_inside import Check
    from analysis_worker.answers.schemas import OutputSchema
    from analysis_worker.provider.stream import Answer
    from analysis_worker.values import AnalysisPlan
    from media_contracts import Fault

SHOWN_FAULTS: Final = 5


def validate(
    answer: Answer, *, schema: OutputSchema, timelines: Sequence[str] = (), duration_seconds: float | None = None
) -> Findings:
    """The answer's JSON, unchanged.

    :raises AnswerEmpty: no text. :raises AnswerNotJson: not one JSON document.
    :raises AnswerWrongShape: faults against the schema, listed by path; times out of order; duplicate keys; integers
        beyond 2^53-1.
    """
    taken = take_json(answer.text)
    faults = checker(schema, timelines=timelines, duration_seconds=duration_seconds)(taken.value)
    if faults:
        raise wrong_shape(faults)
    return Findings(json_text=taken.text, value=taken.value)


def judge(answer: Answer, plan: AnalysisPlan) -> Findings:
    """What the answer to a planned call is worth: as `validate` has it, or found inside it, or words.

    Raises what `validate` raises, and `AnswerTruncated` for a fragment that was called whole.
    """
    if plan.kind == SPEECH:  # the text beside the sound is compared, not required
        return _words(answer.text)
    if plan.profile.free_text:
        require_end(answer, plan.max_output_tokens)
        return take_words(answer)
    try:
        return validate(answer, schema=plan.schema, timelines=plan.timelines, duration_seconds=plan.duration_seconds)
    except AnswerNotJson as fault:
        check = checker(plan.schema, timelines=plan.timelines, duration_seconds=plan.duration_seconds)
        return take_inside(fault, answer=answer, max_output_tokens=plan.max_output_tokens, check=check)


def take_words(answer: Answer) -> Findings:
    """A free-text answer, word for word, as the one text of its result.

    :raises AnswerEmpty: no text.
    """
    if not answer.text.strip():
        raise AnswerEmpty("the model finished without a word")
    return _words(answer.text)


def _words(text: str) -> Findings:
    value = {FREE_TEXT.removeprefix("/"): text}
    return Findings(json_text=orjson.dumps(value).decode(), value=value)


def checker(schema: OutputSchema, *, timelines: Sequence[str] = (), duration_seconds: float | None = None) -> Check:
    """Return what lists a value's faults: the schema's, or, when it has none, those of its times (timeline.py)."""
    return partial(_faults, schema, tuple(timelines), duration_seconds)


def wrong_shape(faults: Sequence[Fault]) -> AnswerWrongShape:
    """Return the leaf for these faults; its message lists the first by path."""
    listed = "; ".join(f"{fault.path or 'the answer'}: {fault.message}" for fault in faults[:SHOWN_FAULTS])
    more = f" and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    return AnswerWrongShape(f"the answer does not fit the schema: {listed}{more}", faults=tuple(faults))


def _faults(
    schema: OutputSchema, timelines: Sequence[str], duration_seconds: float | None, value: object, /, *, limit: int = 20
) -> tuple[Fault, ...]:
    return schema.faults(value, limit=limit) or timeline_faults(
        value, timelines=timelines, duration_seconds=duration_seconds
    )
