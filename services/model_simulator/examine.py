"""The media parts of a request in; what was seen in their bytes, and a summary for the call log, out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_simulator.facts import Clip, Facts, Picture, Recording, Sequence
from model_simulator.gather import decode_data_uri, fetch
from model_simulator.listen import listen, watch
from model_simulator.look import look
from model_simulator.refusal import refuse

if TYPE_CHECKING:
    import httpx

    from model_simulator.chat_request import Media
    from model_simulator.rule_table import Family, RuleTable

# Decoding takes a processor each and holds a part's bytes twice.
_DECODERS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The facts of one part and its line in the call log."""

    facts: Facts
    summary: dict[str, Any]


class Examiner:
    """Gets and decodes media, a few parts at a time."""

    def __init__(self, *, client: httpx.AsyncClient, rules: RuleTable) -> None:
        self._client = client
        self._rules = rules
        self._slots = asyncio.Semaphore(_DECODERS)

    async def examine(self, media: Media, family: Family) -> Seen:
        """Look at one part; raises `Refused` for what cannot be had, decoded or taken by this family."""
        if media.kind == "frames":
            pictures = [await self._picture(reference, family) for reference in media.references]
            facts: Facts = Sequence(pictures=tuple(pictures))
        elif media.kind == "image":
            facts = await self._picture(media.references[0], family)
        else:
            facts = await self._recorded(media, family)
        return Seen(facts=facts, summary=_summary(media, facts))

    async def _picture(self, reference: str, family: Family) -> Picture:
        data = await self._bytes(reference, family.image_max_bytes)
        async with self._slots:
            return await asyncio.to_thread(look, data, self._rules)

    async def _recorded(self, media: Media, family: Family) -> Recording | Clip:
        if media.kind == "audio":
            data = await self._bytes(media.references[0], family.audio_max_bytes)
            async with self._slots:
                recording = await asyncio.to_thread(listen, data, self._rules)
            if recording.duration_seconds > family.audio_max_seconds:
                raise refuse(self._rules, "audio_too_long")
            return recording
        data = await self._bytes(media.references[0], family.video_max_bytes)
        async with self._slots:
            clip = await asyncio.to_thread(watch, data, self._rules)
        if clip.duration_seconds > family.video_max_seconds:
            raise refuse(self._rules, "video_too_long")
        if clip.duration_seconds < family.video_min_seconds:
            raise refuse(self._rules, "video_too_short")
        if max(clip.width, clip.height) > self._rules.limit("image_ratio_max") * min(clip.width, clip.height):
            raise refuse(self._rules, "video_ratio")
        return clip

    async def _bytes(self, reference: str, max_bytes: int) -> bytes:
        if not reference.startswith("data:"):
            return await fetch(self._client, reference, max_bytes=max_bytes, rules=self._rules)
        async with self._slots:
            data = await asyncio.to_thread(decode_data_uri, reference, self._rules)
        if len(data) > max_bytes:
            raise refuse(self._rules, "file_too_large")
        return data


def _summary(media: Media, facts: Facts) -> dict[str, Any]:
    first = media.references[0]
    line: dict[str, Any] = {"type": media.kind, "delivery": "inline" if first.startswith("data:") else "url"}
    if line["delivery"] == "url":
        line["url"] = first.partition("?")[0]  # the query of a presigned address is a secret
    match facts:
        case Picture():
            line |= {"bytes": facts.size_bytes, "size": f"{facts.width}x{facts.height}", "format": facts.format}
        case Recording():
            line |= {"bytes": facts.size_bytes, "duration_seconds": facts.duration_seconds, "format": facts.format}
        case Clip():
            line |= {"bytes": facts.size_bytes, "size": f"{facts.width}x{facts.height}", "format": facts.format}
            line |= {"duration_seconds": facts.duration_seconds, "frames": facts.frames}
        case Sequence(pictures=pictures):
            line |= {"bytes": sum(picture.size_bytes for picture in pictures), "frames": len(pictures)}
            line |= {"size": f"{pictures[0].width}x{pictures[0].height}"}
    return line | {"options": media.options} if media.options else line
