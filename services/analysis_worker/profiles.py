"""Folders of profiles in, `Profiles` out: structured prompts with their schemas, ours and the operator's.

A profile is a folder `<name>/` with `profile.toml` (version, kinds, defaults), `prompt.md`, `schema.json` and perhaps
`brief.md`, the prompt for the detail levels that look quickly. Read once
at start; every fault of every folder is reported at once.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from analysis_worker.answers.pointer import leads_to_text
from analysis_worker.answers.schemas import OutputSchema, compile_schema
from analysis_worker.answers.subtitles import are_cues
from analysis_worker.errors import MediaKindUnsupported, ProfileUnknown, SchemaInvalid, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FREE_TEXT: Final = "/text"
"""Where the answer of a free-text profile stands in its result."""
TEXT: Final = "text"
"""What a request without media counts as."""

Kind = Literal["image", "audio", "video", "frames", "text"]
Pointer = Annotated[str, Field(pattern=r"^(/[^/*]+)+$")]

_SHIPPED: Final = Path(__file__).parent / "profiles"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MAX_PROMPT_BYTES: Final = 64 * 1024
# What decides when a request brings several kinds: the richest of them.
_RICHEST_FIRST: Final[tuple[Kind, ...]] = ("video", "frames", "audio", "image", "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One structured prompt; `default_for` are the kinds of media that it serves when a request names no profile.

    `max_output_tokens` and `temperature` hold where the request says nothing; `spoken` is the JSON
    Pointer to the text of its result that a spoken answer reads; without one there is none.
    """

    name: str
    version: str
    kinds: frozenset[Kind]
    default_for: frozenset[Kind]
    prompt: str = field(repr=False)
    schema: OutputSchema = field(repr=False)
    max_output_tokens: int | None = None
    temperature: float | None = None
    spoken: str | None = None
    free_text: bool = False
    """The answer is no JSON: it becomes the one text of the result, at `/text`."""
    brief: str | None = field(default=None, repr=False)
    """The prompt in at most 50 words, for a quick look (001_c4bbddce233d9b12.txt)."""
    timelines: tuple[str, ...] = ()
    """JSON Pointers to the lists of its schema whose items have times (timeline.py)."""
    subtitles: str | None = None
    """That of its timelines which is also written as subtitle files (subtitles.py)."""

    def prompt_of(self, length: Literal["brief", "whole"]) -> str:
        """Return the prompt of that length, the whole one where there is no brief one."""
        return self.brief or self.prompt if length == "brief" else self.prompt

    @property
    def schema_text(self) -> str:
        """Return the schema as compact JSON."""
        return self.schema.text

    @property
    def schema_sha256(self) -> str:
        """Return the hex SHA-256 of the schema's canonical form."""
        return self.schema.sha256

    def check_kinds(self, kinds: Iterable[str]) -> None:
        """Raise `MediaKindUnsupported` for media that this profile is not made for."""
        for kind in kinds:
            if kind not in self.kinds:
                raise MediaKindUnsupported(
                    f"the profile {self.name!r} takes {', '.join(sorted(self.kinds))}, not {kind}; name another profile"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Profiles:
    """All installed profiles, by name."""

    by_name: Mapping[str, Profile]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names in order."""
        return tuple(sorted(self.by_name))

    def get(self, name: str) -> Profile:
        """Return the profile of that name; raises `ProfileUnknown`."""
        profile = self.by_name.get(name)
        if profile is None:
            raise ProfileUnknown(f"the profile {name!r} is not installed; installed are {', '.join(self.names)}")
        return profile

    def default_for(self, kinds: Iterable[str]) -> Profile:
        """Return the profile for a request that names none; without media it is that for text."""
        given = set(kinds) or {TEXT}
        for kind in _RICHEST_FIRST:
            if kind in given:
                for profile in self.by_name.values():
                    if kind in profile.default_for:
                        return profile
        raise ProfileUnknown(
            f"no profile is the default for {', '.join(sorted(given))}; name one of {', '.join(self.names)}"
        )


class _ProfileFile(BaseModel):
    """The keys of `profile.toml`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,31}$")]
    kinds: Annotated[list[Kind], Field(min_length=1)]
    default_for: list[Kind] = []
    max_output_tokens: PositiveInt | None = None
    # 2.0 itself is refused (provider.md §2c).
    temperature: Annotated[float, Field(ge=0, lt=2)] | None = None
    spoken: Pointer | None = None
    free_text: bool = False
    timelines: list[Pointer] = []
    subtitles: Pointer | None = None


def load_profiles(extra: Path | None = None) -> Profiles:
    """Return our profiles and those of the operator's folder, which replace ours of the same name or default.

    Raises `Stopped` with every fault found.
    """
    faults: list[str] = []
    shipped = _read_folder(_SHIPPED, faults)
    own = _read_folder(extra, faults) if extra is not None else {}
    # The operator's come first: whoever is asked for a default finds theirs before ours.
    profiles = {**own, **{name: profile for name, profile in shipped.items() if name not in own}}
    _check_defaults(own, profiles, faults)
    if faults:
        raise Stopped("profiles that cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
    return Profiles(by_name=profiles)


def _read_folder(folder: Path, faults: list[str]) -> dict[str, Profile]:
    if not folder.is_dir():
        faults.append(f"{folder} is no folder")
        return {}
    # A mounted ConfigMap has hidden folders of its own (..data).
    places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    found = (_read_profile(place, faults) for place in places)
    return {profile.name: profile for profile in found if profile is not None}


def _read_profile(place: Path, faults: list[str]) -> Profile | None:
    """Return one profile, or None after its faults were added to the list."""
    known = len(faults)
    if not _NAME.fullmatch(place.name):
        faults.append(f"{place}: the name must match {_NAME.pattern}")
    settings = _read_settings(place / "profile.toml", faults)
    prompt = _read_prompt(place / "prompt.md", faults)
    brief = _read_prompt(place / "brief.md", faults) if (place / "brief.md").exists() else None
    schema = _read_schema(place / "schema.json", faults)
    if settings is not None and schema is not None:
        faults += [f"{place}: {fault}" for fault in _pointer_faults(settings, schema)]
    if settings is None or prompt is None or schema is None or len(faults) > known:
        return None
    return Profile(
        name=place.name,
        version=settings.version,
        kinds=frozenset(settings.kinds),
        default_for=frozenset(settings.default_for),
        prompt=prompt,
        brief=brief,
        schema=schema,
        max_output_tokens=settings.max_output_tokens,
        temperature=settings.temperature,
        spoken=settings.spoken,
        free_text=settings.free_text,
        timelines=tuple(settings.timelines),
        subtitles=settings.subtitles,
    )


def _read_settings(path: Path, faults: list[str]) -> _ProfileFile | None:
    text = _read_text(path, faults)
    if text is None:
        return None
    try:
        settings = _ProfileFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{path}: {error}")
        return None
    except ValidationError as error:
        faults += [f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        return None
    strangers = sorted(set(settings.default_for) - set(settings.kinds))
    if strangers:
        faults.append(f"{path}: default_for names {', '.join(strangers)}, which kinds does not")
    return settings


def _pointer_faults(settings: _ProfileFile, schema: OutputSchema) -> Iterator[str]:
    if settings.spoken is not None and not leads_to_text(schema.document, settings.spoken):
        yield f"spoken is {settings.spoken!r}, where schema.json declares no string"
    if settings.free_text and not leads_to_text(schema.document, FREE_TEXT):
        yield f"free_text puts the answer at {FREE_TEXT}, where schema.json declares no string"
    if settings.subtitles is not None and not are_cues(schema.document, settings.subtitles):
        yield f"subtitles is {settings.subtitles!r}, where schema.json requires no list of start_seconds, end_seconds and text"
    if settings.subtitles is not None and settings.subtitles not in settings.timelines:
        yield f"subtitles is {settings.subtitles!r}, which timelines does not name"


def _read_prompt(path: Path, faults: list[str]) -> str | None:
    prompt = _read_text(path, faults)
    if prompt is not None and not prompt.strip():
        faults.append(f"{path} is empty")
    if prompt is not None and len(prompt.encode()) > _MAX_PROMPT_BYTES:
        faults.append(f"{path} has more than {_MAX_PROMPT_BYTES} bytes")
    return prompt


def _read_schema(path: Path, faults: list[str]) -> OutputSchema | None:
    text = _read_text(path, faults)
    if text is None:
        return None
    try:
        return compile_schema(text)
    except SchemaInvalid as error:
        faults.append(f"{path}: {error.message}")
        return None


def _read_text(path: Path, faults: list[str]) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        faults.append(f"{path} is missing")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path} cannot be read: {error}")
    return None


def _check_defaults(own: Mapping[str, Profile], every: Mapping[str, Profile], faults: list[str]) -> None:
    for kind in _RICHEST_FIRST:
        names = sorted(name for name, profile in own.items() if kind in profile.default_for)
        if len(names) > 1:
            faults.append(f"{' and '.join(names)} are all the default for {kind}; leave one")
        if not any(kind in profile.default_for for profile in every.values()):
            faults.append(f"no profile is the default for {kind}; add it to the default_for of one")
