"""Pure: a detail level and a model card in, the pixels that are asked for, the length and the words of the level out.

The levels are data (`details.toml`), from the tables of 001_c4bbddce233d9b12.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from analysis_worker.cards import CardPart, Count, Modality, modality_of
from analysis_worker.tokens import PixelChoice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analysis_worker.cards import Kind, ModelCard, ParameterRange

Level = Literal["quick", "extract", "standard", "fine"]

_RICHEST_FIRST: Final[tuple[Modality, ...]] = ("video", "audio", "image")


class LongestSeconds(CardPart):
    """The recommended length of one call's medium."""

    video: Annotated[float, Field(gt=0)]
    audio: Annotated[float, Field(gt=0)]


class Guidance(CardPart):
    """What a level adds to the profile's prompt, by the richest kind of media in the request."""

    video: str | None = None
    audio: str | None = None
    image: str | None = None


class DetailLevel(CardPart):
    """How closely the model looks; pixels are areas, as the table has them, not yet clamped to a model."""

    name: Level
    prompt: Literal["brief", "whole"]
    frame_pixels: Count | None = None
    image_pixels: Count | None = None
    seconds: LongestSeconds
    guidance: Guidance = Guidance()

    def recommended_seconds(self, kind: Kind) -> float | None:
        """The length up to which a medium is best asked about in one call; null for kinds that have no length."""
        found: float | None = getattr(self.seconds, kind, None)
        return found

    def at_most(self, seconds: float) -> DetailLevel:
        """The same, with a recommended length of no more than that."""
        shorter = LongestSeconds(video=min(self.seconds.video, seconds), audio=min(self.seconds.audio, seconds))
        return self.model_copy(update={"seconds": shorter})

    def guidance_for(self, kinds: Iterable[Kind]) -> str | None:
        """What to add to the prompt of a request that brings these kinds of media."""
        given = {modality_of(kind) for kind in kinds}
        richest = next((kind for kind in _RICHEST_FIRST if kind in given), None)
        found: str | None = getattr(self.guidance, richest) if richest else None
        return found.strip() if found else None


def pixel_choice(card: ModelCard, level: DetailLevel) -> PixelChoice:
    """The pixel parameters that a request of this level carries; none for a model that documents none (CHAT).

    `min_pixels` is never set: it enlarges small pictures and costs (CHAT), though 004_142ddfeb2eb1f632.txt has it the
    other way round. `total_pixels` keeps its default, which bounds a film whatever its frames.
    """
    if not card.capabilities.pixel_parameters:
        return PixelChoice()
    return PixelChoice(
        image_max_pixels=_clamped(level.image_pixels, card.parameters.image_max_pixels),
        frame_max_pixels=_clamped(level.frame_pixels, card.parameters.frame_max_pixels),
    )


def _clamped(pixels: int | None, bounds: ParameterRange | None) -> int | None:
    """The area within the card's bounds; none where the card has no such parameter."""
    if pixels is None or bounds is None:
        return None
    most = bounds.maximum if bounds.maximum is not None else pixels
    return int(max(min(pixels, most), bounds.minimum or 0))
