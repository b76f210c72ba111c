"""Pure: the part of an answer that no usage report counts in, an estimate of its tokens out (law 6).

For a call that was cut: what was received is known, what the provider wrote beyond it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analysis_worker.tokens.audio import speech_tokens
from analysis_worker.tokens.text import text_tokens

if TYPE_CHECKING:
    from analysis_worker.cards import TokenRule
    from analysis_worker.stream import Uncounted

# 16-bit mono at 24 kHz (provider.md §3, "audio payload").
SPEECH_BYTES_PER_SECOND: Final = 48_000


def uncounted_tokens(uncounted: Uncounted, *, rule: TokenRule | None) -> int:
    """Tokens of what was written, thought and spoken; `rule` is the card's, None for a model without media."""
    written = text_tokens(uncounted.text) + text_tokens(uncounted.reasoning)
    if rule is None or not uncounted.audio_bytes:
        return written
    return written + speech_tokens(seconds=uncounted.audio_bytes / SPEECH_BYTES_PER_SECOND, rule=rule)
