"""Pure: seconds of sound in, tokens out, for what is heard and for what is spoken."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis_worker.cards import TokenRule


def audio_tokens(*, seconds: float, rule: TokenRule) -> int:
    """Tokens of a recording, or of a film's sound track; less than a second counts as one (001_c4bbddce233d9b12.txt).

    Rounded up: a rate of 12.5 gives halves and the provider does not say what becomes of them.
    """
    return _rounded_up(seconds, rule.audio_in_tokens_per_second)


def speech_tokens(*, seconds: float, rule: TokenRule) -> int:
    """Tokens of a spoken answer; 0 for a family that does not speak."""
    rate = rule.audio_out_tokens_per_second
    return 0 if rate is None else _rounded_up(seconds, rate)


def _rounded_up(seconds: float, tokens_per_second: Decimal) -> int:
    if seconds <= 0:
        return 0
    return math.ceil(max(Decimal(str(seconds)), Decimal(1)) * tokens_per_second)
