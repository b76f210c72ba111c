"""Objects and a way to send them (JSON on stdin) in; peak memory, CPU and wall time of this process (JSON) out.

Two ways, with the same HTTP client and the same bytes on the wire: `pipe` is the product's own (object store → byte
pipe → POST), `whole` downloads an object, encodes it, builds the body and sends it.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import resource
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from analysis_worker.media.media_pipe import MediaPipe
from analysis_worker.object_store import ObjectStore
from analysis_worker.prompt import MediaSlot, Message, TextPart
from analysis_worker.provider.request_body import CallParameters, ImagePart, InlineSource, UrlSource, build_body
from analysis_worker.settings import S3Settings
from analysis_worker.transport import build_client
from analysis_worker.values import Delivery, PlannedMedia, StoredObject
from media_contracts import MediaItem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import httpx

    from analysis_worker.provider.request_body import MediaPart

CONTENT_TYPE: Final = "image/png"
_MESSAGES: Final = (Message(role="user", parts=(MediaSlot(index=0), TextPart(text="Describe the picture."))),)
_PARAMETERS: Final = CallParameters(model="qwen3.5-omni-plus", json_mode=True)
_SECONDS: Final = 300.0


class Sender:
    """Sends one object at a time to the sink; returns the SHA-256 of the body that arrived."""

    def __init__(self, *, store: ObjectStore, client: httpx.AsyncClient, url: str) -> None:
        self._store = store
        self._client = client
        self._url = url

    async def pipe(self, stored: StoredObject) -> str:
        """As the worker does: nothing is held but chunks."""
        parts = (ImagePart(source=InlineSource(content_type=CONTENT_TYPE, size_bytes=stored.size_bytes)),)
        pipe = MediaPipe(store=self._store, media=(_planned(stored),), parts=parts)
        body = build_body(messages=_MESSAGES, media=parts, parameters=_PARAMETERS)
        try:
            return await self._post(body.chunks(pipe.open), length=body.content_length)
        finally:
            await pipe.close()

    async def whole(self, stored: StoredObject) -> str:
        """Download, encode, send; each step's input is dropped as soon as the next one has it."""
        body = _body(await self._downloaded_as_text(stored))
        return await self._post(body, length=len(body))

    async def _downloaded_as_text(self, stored: StoredObject) -> str:
        async with self._store.open(stored) as chunks:
            return base64.b64encode(b"".join([chunk async for chunk in chunks])).decode("ascii")

    async def _post(self, content: bytes | AsyncIterator[bytes], *, length: int) -> str:
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        response = await self._client.post(self._url, content=content, headers=headers)
        arrived = orjson.loads(response.content)
        if arrived["size_bytes"] != length:
            raise ValueError(f"sent {length} bytes, {arrived['size_bytes']} arrived")
        return str(arrived["sha256"])


async def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Send every object, `concurrency` at a time, after one that warms imports and connections up."""
    objects = [StoredObject(**facts) for facts in task["objects"]]
    concurrency = task["concurrency"]
    async with AsyncExitStack() as stack:
        store_client, sink_client = [
            await stack.enter_async_context(
                build_client(connections=concurrency, connect_seconds=_SECONDS, read_seconds=_SECONDS)
            )
            for _ in range(2)
        ]
        # Values of the environment that the parent chose; nothing else of it is read.
        store = ObjectStore(settings=S3Settings(**task["store"]), client=store_client)
        sender = Sender(store=store, client=sink_client, url=task["sink"])
        send = {"pipe": sender.pipe, "whole": sender.whole}[task["way"]]
        await send(objects[0])
        gc.collect()
        _forget_peak()
        before_bytes, cpu, wall = _memory_bytes("VmRSS"), _cpu_seconds(), time.perf_counter()
        digests = await _all(objects, send, concurrency=concurrency)
        return {
            "before_bytes": before_bytes,
            "peak_bytes": _memory_bytes("VmHWM"),
            "cpu_seconds": _cpu_seconds() - cpu,
            "wall_seconds": time.perf_counter() - wall,
            "digests": digests,
        }


async def _all(objects: Sequence[StoredObject], send: Any, *, concurrency: int) -> list[str]:
    left = iter(enumerate(objects))
    digests = [""] * len(objects)

    async def work() -> None:
        for number, stored in left:
            digests[number] = await send(stored)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    return digests


def _body(encoded: str) -> bytes:
    """The same document as the pipe's, built as a value and then written."""
    parts: tuple[MediaPart, ...] = (ImagePart(source=UrlSource(url="")),)
    empty = build_body(messages=_MESSAGES, media=parts, parameters=_PARAMETERS)
    document = orjson.loads(b"".join(segment for segment in empty.segments if isinstance(segment, bytes)))
    document["messages"][0]["content"][0]["image_url"]["url"] = f"data:{CONTENT_TYPE};base64,{encoded}"
    return orjson.dumps(document)


def _planned(stored: StoredObject) -> PlannedMedia:
    item = MediaItem(kind="image", bucket=stored.bucket, key=stored.key)
    return PlannedMedia(item=item, delivery=Delivery.INLINE, objects=(stored,))


def _forget_peak() -> None:
    """Set VmHWM back to VmRSS (proc(5), clear_refs); ru_maxrss cannot be, and starts with the parent's peak."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(measure(orjson.loads(sys.stdin.buffer.read())))))
