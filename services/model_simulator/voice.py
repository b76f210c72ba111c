"""Pure: a text in; its sound as headerless PCM out, piece by piece, and how long it lasts.

Not a voice but a tune: every letter is a short tone whose pitch is the letter's, every blank or mark a pause, so that
two texts sound different and a silent file shows. 16 bits, mono (S1, S2); how fast is spoken is `limit/speech_*`.
"""

from __future__ import annotations

import math
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_simulator.rule_table import RuleTable

PIECE_CHARACTERS = 3
_SHORTEST_CHARACTERS = 3
_TONES = 24  # two octaves of half-tones
_LOWEST_HERTZ = 220.0
_LOUDNESS = 8000
_FADE_SECONDS = 0.01  # without it every letter would click


def spoken_pieces(text: str) -> list[str]:
    """The text as it is spoken, in pieces; an answer of hardly a word is drawn out."""
    drawn = text.ljust(_SHORTEST_CHARACTERS)
    return [drawn[start : start + PIECE_CHARACTERS] for start in range(0, len(drawn), PIECE_CHARACTERS)]


def seconds_of(text: str, rules: RuleTable) -> float:
    """How long a text takes."""
    return len(text) * _samples_of_one(rules) / int(rules.limit("speech_sample_rate"))


def sound_of(text: str, rules: RuleTable) -> str:
    """The sound of a piece, in base64 as it travels."""
    rate, samples = int(rules.limit("speech_sample_rate")), _samples_of_one(rules)
    return b64encode(b"".join(_tone(_pitch(letter), rate, samples) for letter in text)).decode()


def _samples_of_one(rules: RuleTable) -> int:
    return round(int(rules.limit("speech_sample_rate")) / float(rules.limit("speech_characters_per_second")))


def _pitch(letter: str) -> int | None:
    return ord(letter.lower()) % _TONES if letter.isalnum() else None


@cache
def _tone(pitch: int | None, rate: int, samples: int) -> bytes:
    if pitch is None:
        return bytes(2 * samples)
    hertz, fade = _LOWEST_HERTZ * 2 ** (pitch / 12), max(1, round(rate * _FADE_SECONDS))
    values = (
        round(
            _LOUDNESS * min(1.0, index / fade, (samples - index) / fade) * math.sin(2 * math.pi * hertz * index / rate)
        )
        for index in range(samples)
    )
    return b"".join(value.to_bytes(2, "little", signed=True) for value in values)
