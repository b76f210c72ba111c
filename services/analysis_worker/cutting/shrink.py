"""Pure: a probed film or recording and how it would travel in; whether to encode it smaller first, and how, out.

It pays in two cases only: what cannot be sent becomes possible, or more time is saved on the way than encoding takes.
It never saves tokens and is never said to: the model samples 2 pictures a second and scales them down by itself, so
what is sent at 720p counts what it counted at 1080p (provider.md §6 on 004_142ddfeb2eb1f632.txt).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from analysis_worker.cutting.cutter import FILM_BITS, FRAME_PIXELS, SOUND_BITS
from analysis_worker.limits import fits_inline

if TYPE_CHECKING:
    from analysis_worker.cards import ModelCard
    from analysis_worker.media.probed import ProbedMedia

LEAST_FILM_BITS: Final = 120_000
"""J: below it not even two pictures a second of the model's size stay legible."""
LEAST_SOUND_BITS: Final = 32_000
_FILM_SHARE: Final = 0.9
"""Of the bytes at hand, so that peaks and the container's own bytes fit as well."""
_WORTHWHILE: Final = 1.5
"""How many times over the time must be won back: speeds are guesses."""
_PREFIX_BYTES: Final = 64
"""At least what stands before the base64 in a data URI."""


class Reason(StrEnum):
    """Why a medium is encoded smaller."""

    POSSIBLE = "possible"
    """As it is it has too many bytes for the way it must go."""
    FASTER = "faster"
    """Encoding and sending the smaller one takes less time than sending it as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speeds:
    """What encoding and sending take here: bytes a second to the model, seconds of film encoded in a second."""

    upload_bytes_per_second: float
    film_seconds_per_second: float = 1.5
    sound_seconds_per_second: float = 60.0


SPEEDS: Final = Speeds(upload_bytes_per_second=10_000_000)
"""J: a good line; a medium must be large for its line before encoding it is worth the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shrink:
    """How to encode it: bits a second, pixels a picture at most, and the bytes that it then has at most."""

    reason: Reason
    film_bits: int
    sound_bits: int
    pixels_max: int
    most_bytes: int


def shrink(probed: ProbedMedia, *, card: ModelCard, inline: bool, speeds: Speeds) -> Shrink | None:
    """Whether and how to encode it smaller; null: send it as it is, or, where that is impossible, cut or refuse it.

    `inline` is whether it would be sent in the body; where the model fetches it, nothing is won on the way.
    """
    length = probed.duration_seconds
    if probed.kind not in {"audio", "video"} or not length:
        return None
    most_bytes = inline_raw_bytes(card, probed) if inline else card.media_limits(probed.kind).bytes_by_url
    fits = fits_inline(card, probed) if inline else most_bytes is None or probed.size_bytes <= most_bytes
    usual = _usual_bytes(probed, length)
    if not fits and most_bytes is not None:
        return _sized(Reason.POSSIBLE, probed, length, min(most_bytes, usual), card)
    saved_seconds = (probed.size_bytes - usual) / speeds.upload_bytes_per_second if inline else 0.0
    speed = speeds.film_seconds_per_second if probed.kind == "video" else speeds.sound_seconds_per_second
    if saved_seconds > _WORTHWHILE * length / speed:
        return _sized(Reason.FASTER, probed, length, usual, card)
    return None


def inline_raw_bytes(card: ModelCard, probed: ProbedMedia) -> int | None:
    """The most bytes, before base64, that fit inline; null where the card has no limit."""
    most = card.media_limits(probed.kind).bytes_inline
    return None if most is None else max(most - 1 - _PREFIX_BYTES, 0) // 4 * 3


def longest_inline_seconds(probed: ProbedMedia, *, card: ModelCard) -> float | None:
    """How long an encoded piece may be to fit inline at the least bits; null where nothing limits it.

    For segments that the model cannot fetch: together with the card's and the level's length the least of them holds.
    """
    most_bytes = inline_raw_bytes(card, probed)
    if most_bytes is None:
        return None
    return most_bytes * 8 * _FILM_SHARE / _least_bits(probed)


def bits_within(most_bytes: int, length_seconds: float, probed: ProbedMedia) -> tuple[int, int] | None:
    """Bits a second of picture and of sound for so many bytes; null when that is too little for either."""
    bits = int(most_bytes * 8 / length_seconds * _FILM_SHARE)
    if bits < _least_bits(probed):
        return None
    sound = 0
    if probed.has_audio:
        sound = bits if probed.kind == "audio" else max(bits // 6, LEAST_SOUND_BITS)
    sound = min(sound, SOUND_BITS)
    return min(bits - sound, FILM_BITS) if probed.kind == "video" else 0, sound


def piece_bits(length_seconds: float, probed: ProbedMedia, *, card: ModelCard, inline: bool) -> tuple[int, int]:
    """Bits a second of picture and of sound for an encoded piece: to fit inline where it must, else the usual ones."""
    usual = FILM_BITS if probed.kind == "video" else 0, SOUND_BITS
    most_bytes = inline_raw_bytes(card, probed) if inline else None
    return usual if most_bytes is None else bits_within(most_bytes, length_seconds, probed) or usual


def _sized(reason: Reason, probed: ProbedMedia, length: float, most_bytes: int, card: ModelCard) -> Shrink | None:
    bits = bits_within(most_bytes, length, probed)
    if bits is None:
        return None
    film, sound = bits
    return Shrink(reason=reason, film_bits=film, sound_bits=sound, pixels_max=frame_pixels(card), most_bytes=most_bytes)


def frame_pixels(card: ModelCard) -> int:
    """As large as the model looks at a picture at most, so that it sees, and counts, what it would have."""
    limit = card.tokens.frame_pixels_limit if card.tokens else None
    return max(limit or 0, FRAME_PIXELS)


def _usual_bytes(probed: ProbedMedia, length: float) -> int:
    film = FILM_BITS if probed.kind == "video" else 0
    return int((film + SOUND_BITS) / 8 * length / _FILM_SHARE)


def _least_bits(probed: ProbedMedia) -> int:
    film = LEAST_FILM_BITS if probed.kind == "video" else 0
    return film + (LEAST_SOUND_BITS if probed.has_audio else 0)
