"""Pure: a profile's prompt, the request's instruction, language, schema and earlier turns in, messages out.

Messages hold text and slots for media; request_body.py puts them on the wire. The prompt is ours, the instruction is
data of the requester: it comes after the prompt, in the user's message, and takes nothing back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from analysis_worker.cards import modality_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.cards import Kind

Role = Literal["system", "user", "assistant"]

SCHEMA_LABEL: Final = "JSON Schema: "
"""What stands before the schema, which is compact JSON on the rest of that line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPart:
    """Words."""

    # Never in a log (DESIGN.md §6, rule 10).
    text: str = field(repr=False)
    beside_schema: str | None = field(repr=False, default=None)
    """Said in place of `text` when the schema travels beside the messages, as `json_schema`; None: the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaSlot:
    """A place for the media of that index: the request's own from 0, then those of the earlier turns in order."""

    index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message; a system or assistant message holds text only (provider.md §2d)."""

    role: Role
    parts: tuple[TextPart | MediaSlot, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PastTurn:
    """One earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    text: str = field(repr=False)
    kinds: tuple[Kind, ...] = ()
    """Of its media, in order."""


def build_messages(
    *,
    prompt: str,
    schema_text: str | None,
    kinds: Sequence[Kind] = (),
    mixes: bool = True,
    guidance: str | None = None,
    instruction: str | None = None,
    language: str | None = None,
    history: Sequence[PastTurn] = (),
    system_allowed: bool = True,
) -> tuple[Message, ...]:
    """Return the messages of one analysis, the last of them the user's (else 500, provider.md §2d).

    `kinds` are those of the request's media in order. Where one user message cannot mix them (`mixes` false), each
    modality gets a message of its own and the task comes with the last (S0 to S3: different user messages may use
    different ones). `guidance` says how closely to look. `schema_text` is compact JSON; None: the answer is free text.
    The word JSON is always said: `json_object` is refused without it (provider.md §4b), and models without that mode
    are asked by the prompt alone. Where the model takes no system message
    (`system_allowed` false: turbo and 2.5-7b when they speak, S2 and S3), everything stands in the last user message.
    """
    task = _task(prompt=prompt, guidance=guidance, schema_text=schema_text, language=language)
    short = _task(prompt=prompt, guidance=guidance, schema_text="", language=language) if schema_text else None
    past = _past(history, first_index=len(kinds), mixes=mixes)
    asked = _asked(instruction, len(kinds))
    if system_allowed:
        system = Message(role="system", parts=(TextPart(text=task, beside_schema=short),))
        return (system, *past, *_said("user", asked, kinds, first_index=0, mixes=mixes))
    return (*past, *_said("user", f"{task}\n\n{asked}", kinds, first_index=0, mixes=mixes))


def _task(*, prompt: str, guidance: str | None, schema_text: str | None, language: str | None) -> str:
    """What is to be done; an empty `schema_text` says that the schema is elsewhere."""
    if schema_text is None:
        spoken = f"Answer in the language with the BCP 47 tag {language}." if language else None
        return "\n\n".join(part for part in (prompt.strip(), guidance, spoken) if part)
    place = "on the next line" if schema_text else "of the response format"
    form = (
        "Answer with one JSON document and nothing else: no introduction, no code fence, no comment. "
        f"It must be valid against the schema {place}; the schema's descriptions say what each part holds."
    )
    if schema_text:
        form += f"\n{SCHEMA_LABEL}{schema_text}"
    paragraphs = [prompt.strip(), *([guidance] if guidance else []), form]
    if language:
        paragraphs.append(
            f"Write the text values in the language with the BCP 47 tag {language}. Keep keys and enumerated values "
            "as the schema spells them, and quote words that are seen or heard in their own language."
        )
    return "\n\n".join(paragraphs)


def _asked(instruction: str | None, media_count: int) -> str:
    if instruction and instruction.strip():
        return instruction
    return "Analyse the media above." if media_count else "Do this now."


def _past(history: Sequence[PastTurn], *, first_index: int, mixes: bool) -> list[Message]:
    messages: list[Message] = []
    index = first_index
    for turn in history:
        messages += _said(turn.role, turn.text, turn.kinds, first_index=index, mixes=mixes)
        index += len(turn.kinds)
    return messages


def _said(role: Role, text: str, kinds: Sequence[Kind], *, first_index: int, mixes: bool) -> list[Message]:
    """One turn: a message, or one for each modality; the text stands in the last."""
    groups = _groups(kinds, first_index=first_index, mixes=mixes)
    messages = []
    for number, slots in enumerate(groups, 1):
        is_last = number == len(groups)
        said = text if is_last else f"Part {number} of {len(groups)} of one message; the question comes with the last."
        words = (TextPart(text=said),) if said or not slots else ()
        messages.append(Message(role=role, parts=(*slots, *words)))
    return messages


def _groups(kinds: Sequence[Kind], *, first_index: int, mixes: bool) -> list[tuple[MediaSlot, ...]]:
    """The slots of each message, in the order in which a modality first appears; one empty group without media."""
    slots: dict[str, list[MediaSlot]] = {}
    for index, kind in enumerate(kinds, first_index):
        slots.setdefault("any" if mixes else modality_of(kind), []).append(MediaSlot(index=index))
    return [tuple(group) for group in slots.values()] or [()]
