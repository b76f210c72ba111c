"""Pure: a call's messages and what was wrong with its answer in, the messages of the next call out.

The faulty answer is not quoted: it would grow with each try, and what a film makes a model say is not ours to repeat
as an instruction. The faults name places in our schema and rules of it, not the answer's words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analysis_worker.prompt import Message, TextPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_contracts import Fault

MOST_LISTED: Final = 10
_MAX_FAULT_CHARACTERS: Final = 300


def with_faults(messages: Sequence[Message], faults: Sequence[Fault]) -> tuple[Message, ...]:
    """Return the messages with the faults, one a line, at the end of the last, which is the user's."""
    *before, last = messages
    return (*before, replace(last, parts=(*last.parts, TextPart(text=fault_list(faults)))))


def fault_list(faults: Sequence[Fault]) -> str:
    """Return what the model is told; bounded in length."""
    lines = [
        f"- {fault.path or 'the whole'}: {fault.message}"[:_MAX_FAULT_CHARACTERS] for fault in faults[:MOST_LISTED]
    ]
    return "\n".join(
        [
            "An earlier answer to this could not be used. What was wrong with it, by JSON Pointer:",
            *lines,
            "Answer anew and in full, with one JSON document that is valid against the schema.",
        ]
    )


def continued(messages: Sequence[Message], prefix: str) -> tuple[Message, ...]:
    """Return the messages with the answer's prefix as the assistant's turn, for a model that goes on from there."""
    return (*messages, Message(role="assistant", parts=(TextPart(text=prefix),)))
