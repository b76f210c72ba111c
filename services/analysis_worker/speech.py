"""Pure: the wish for a spoken answer, profile, schema and cards in; which call speaks out, or a rejection.

The free-text profile is spoken by the call that answers, as in the seeds. The answer of a structured profile is JSON,
which is not for the ear: a second call reads the text aloud that the profile names in `spoken`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis_worker.answers.pointer import leads_to_text
from analysis_worker.errors import ProfileNotSpoken
from analysis_worker.limits import check_features
from analysis_worker.prompt import Message, TextPart
from analysis_worker.provider.request_body import CallParameters
from analysis_worker.tokens import SPEECH_BYTES_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis_worker.cards import ModelCard
    from analysis_worker.catalogue import Catalogue
    from analysis_worker.profiles import Profile
    from media_contracts import Speech

KIND: Final = "speech"
"""Of the attempt of a call that only reads aloud."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenBeside:
    """The call that answers speaks as well."""

    voice: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenAfter:
    """A call of its own reads the text at `pointer` (a JSON Pointer into the result) once that is validated."""

    model: str
    card: ModelCard
    voice: str
    pointer: str
    language: str | None


SpeechPlan = SpokenBeside | SpokenAfter


def choose_speech(
    speech: Speech | None,
    *,
    model: str,
    card: ModelCard,
    profile: Profile,
    schema: Mapping[str, Any],
    catalogue: Catalogue,
) -> SpeechPlan | None:
    """Decide which call speaks; None without a wish.

    Raises `ProfileNotSpoken`, `ModelUnknown` for a speaker that is in no catalogue, and what `check_features` raises.
    """
    if speech is None:
        return None
    speaker = speech.model or model
    speaks = catalogue.card(speaker)
    if profile.free_text and speaks.name == card.name:
        return SpokenBeside(voice=speech.voice)
    if profile.spoken is None or not leads_to_text(schema, profile.spoken):
        named = f"at {profile.spoken} is no text of that schema" if profile.spoken else "it names no text in `spoken`"
        raise ProfileNotSpoken(
            f"the answer of the profile {profile.name!r} cannot be spoken: {named}; leave speech out or name another profile"
        )
    check_features(speaks, speech=True, voice=speech.voice)
    return SpokenAfter(model=speaker, card=speaks, voice=speech.voice, pointer=profile.spoken, language=speech.language)


def reading_messages(text: str, *, language: str | None) -> tuple[Message, ...]:
    """The one message that has a text read aloud.

    It is the user's for every model: some take no system message when they speak (S2, S3), and none needs one.
    """
    in_language = f" It is in the language with the BCP 47 tag {language}." if language else ""
    order = (
        "Read the text between <text> and </text> aloud, word for word. Say nothing else: no introduction, no comment, "
        f"no translation.{in_language}\n<text>\n{text}\n</text>"
    )
    return (Message(role="user", parts=(TextPart(text=order),)),)


def reading_parameters(after: SpokenAfter) -> CallParameters:
    """The fields of that call: no `response_format`, no thinking; the text is given, so nothing is left to chance."""
    takes = after.card.parameters.temperature
    return CallParameters(
        model=after.model, voice=after.voice, temperature=0.0 if takes is not None and takes.allows(0.0) else None
    )


def most_sound_bytes(tokens: int) -> int:
    """At most of a text of so many tokens when it is spoken: a second each, which nobody needs (S1: 20 in 6.6 s)."""
    return tokens * SPEECH_BYTES_PER_SECOND


def is_word_for_word(spoken: str, text: str) -> bool:
    """Whether what was said is the text; case, blanks and marks cannot be heard."""
    return _heard(spoken) == _heard(text)


def _heard(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
