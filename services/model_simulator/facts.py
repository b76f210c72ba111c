"""Pure: what was seen in the bytes of a media part; the values that answers and token counts are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A decoded picture: pixels, bytes, brightness and contrast in percent, colours from most to least common."""

    format: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    brightness_percent: int
    contrast_percent: int
    colours: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """What can truthfully be said of it, the most telling first."""
        light = "dark" if self.brightness_percent < 35 else "bright" if self.brightness_percent > 65 else "evenly lit"  # noqa: PLR2004
        shape = "square" if self.width == self.height else "landscape" if self.width > self.height else "portrait"
        colours = " and ".join(self.colours[:2])
        return (
            f"A {shape} {self.format} picture of {self.width} by {self.height} pixels, mostly {colours}, {light}.",
            f"The dominant colour is {self.colours[0]}.",
            f"Its mean brightness is {self.brightness_percent} percent.",
            f"Its contrast is {self.contrast_percent} percent.",
            f"The file has {self.size_bytes} bytes.",
            f"Colours by area: {', '.join(self.colours)}.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that was seen or heard from when to when, in seconds from the start of the part that was sent."""

    start_seconds: float
    end_seconds: float
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A decoded recording: seconds, hertz, channels, loudness in decibels below full scale, and what sounds when."""

    format: str
    duration_seconds: float
    sample_rate: int
    channels: int
    loudness_decibels: float
    size_bytes: int
    sha256: str
    sounds: tuple[Moment, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """What can truthfully be said of it, the most telling first."""
        level = "silent" if self.loudness_decibels < -60 else "quiet" if self.loudness_decibels < -30 else "loud"  # noqa: PLR2004
        channels = {1: "one channel", 2: "two channels"}.get(self.channels, f"{self.channels} channels")
        return (
            f"A {level} {self.format} recording of {self.duration_seconds:.1f} seconds in {channels}.",
            f"Its mean loudness is {self.loudness_decibels:.1f} dB.",
            f"It is sampled at {self.sample_rate} Hz.",
            f"The file has {self.size_bytes} bytes.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A decoded clip: seconds, frames, pixels, its first picture, its scenes, what a clock strip in it shows, its sound."""

    format: str
    duration_seconds: float
    frames: int
    frames_per_second: float
    width: int
    height: int
    size_bytes: int
    sha256: str
    first_frame: Picture
    sound: Recording | None
    scenes: tuple[Moment, ...] = ()
    clock: tuple[Moment, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """What can truthfully be said of it, the most telling first."""
        sound = "with sound" if self.sound else "without sound"
        return (
            f"A {self.format} clip of {self.duration_seconds:.1f} seconds, {self.width} by {self.height} pixels, {sound}.",
            f"It begins with mostly {' and '.join(self.first_frame.colours[:2])}.",
            f"It has {self.frames} frames, {self.frames_per_second:.1f} a second.",
            f"The file has {self.size_bytes} bytes.",
            *(self.sound.sentences()[:2] if self.sound else ()),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequence:
    """A list of frames given one by one."""

    pictures: tuple[Picture, ...]

    def sentences(self) -> tuple[str, ...]:
        """What can truthfully be said of it, the most telling first."""
        first, last = self.pictures[0], self.pictures[-1]
        return (
            f"A sequence of {len(self.pictures)} frames of {first.width} by {first.height} pixels.",
            f"It begins mostly {first.colours[0]} and ends mostly {last.colours[0]}.",
            f"The frames have {sum(picture.size_bytes for picture in self.pictures)} bytes together.",
        )


Facts = Picture | Recording | Clip | Sequence


def digest_of(facts: tuple[Facts, ...]) -> str:
    """A text that differs whenever the bytes of any part differ."""
    digests: list[str] = []
    for fact in facts:
        match fact:
            case Sequence(pictures=pictures):
                digests.extend(picture.sha256 for picture in pictures)
            case Picture() | Recording() | Clip():
                digests.append(fact.sha256)
    return " ".join(digests)
