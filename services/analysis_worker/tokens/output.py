"""Pure: the part of an answer that no usage report counts in, an estimate of its tokens out (law 6).

For a call that was cut: what was received is known, what the provider wrote beyond it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analysis_worker.tokens.audio import speech_tokens
from analysis_worker.tokens.text import text_tokens

if TYPE_CHECKING:
    from analysis_worker.cards import ModelCard, TokenRule
    from analysis_worker.provider.stream import Uncounted

# 16-bit mono at 24 kHz (provider.md §3, "audio payload").
SPEECH_BYTES_PER_SECOND: Final = 48_000
# J: S1's sample speaks five Chinese characters a second; nobody reads at less than half of that.
SLOWEST_CHARACTERS_PER_SECOND: Final = 2


def most_speech_tokens(text: str, *, card: ModelCard) -> int:
    """At most of a text that is read aloud, with the text itself; 0 for a model that does not speak."""
    if card.tokens is None:
        return 0
    spoken = speech_tokens(seconds=len(text) / SLOWEST_CHARACTERS_PER_SECOND, rule=card.tokens)
    return spoken + text_tokens(text)


def uncounted_tokens(uncounted: Uncounted, *, rule: TokenRule | None) -> int:
    """Tokens of what was written, thought and spoken; `rule` is the card's, None for a model without media."""
    written = text_tokens(uncounted.text) + text_tokens(uncounted.reasoning)
    if rule is None or not uncounted.audio_bytes:
        return written
    return written + speech_tokens(seconds=uncounted.audio_bytes / SPEECH_BYTES_PER_SECOND, rule=rule)
