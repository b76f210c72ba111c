"""Pure: a whole answer in, `Findings` out: JSON that fits the schema, or what is wrong with it (law 7).

Whether the stream ended properly was checked before; here it is only the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analysis_worker.errors import AnswerWrongShape
from analysis_worker.json_text import take_json
from analysis_worker.values import Findings

if TYPE_CHECKING:
    from analysis_worker.schemas import OutputSchema
    from analysis_worker.stream import Answer

SHOWN_FAULTS: Final = 5


def validate(answer: Answer, *, schema: OutputSchema) -> Findings:
    """The answer's JSON, unchanged.

    :raises AnswerEmpty: no text. :raises AnswerNotJson: not one JSON document.
    :raises AnswerWrongShape: faults against the schema, listed by path; duplicate keys; integers beyond 2^53-1.
    """
    taken = take_json(answer.text)
    faults = schema.faults(taken.value)
    if faults:
        listed = "; ".join(f"{fault.path or 'the answer'}: {fault.message}" for fault in faults[:SHOWN_FAULTS])
        more = f" and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        raise AnswerWrongShape(f"the answer does not fit the schema: {listed}{more}")
    return Findings(json_text=taken.text, value=taken.value)
