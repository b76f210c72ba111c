"""A running stack in; the worker as its own process, requests published, results awaited, calls and spans read, out.

How tests stay apart (the topic names are fixed, a fresh group reads from the beginning):
- one stack per xdist worker (`stack`, tests/conftest.py); `--dist loadfile` keeps a module on one of them;
- `fresh_stack` empties broker and simulator at the start of a module: tests of a module that share a worker
  (`shared_worker`) tell their records apart by `request_id`;
- `empty_stack` does so before each test: for tests that kill workers or count records;
- every worker process has a group of its own unless it is told to join another's (`like=`).
The store is never emptied: ids are unique, and the ledger of an old request disturbs nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from minio import Minio

from media_contracts import (
    AnalysisRequested,
    CompletedEvent,
    KafkaRecord,
    ProgressEvent,
    decode_completed,
    decode_progress,
    encode_event,
)
from media_contracts.topics import COMPLETED, DEAD_LETTER, PROGRESS, REQUESTED
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from analysis_devstack.stack import Stack

SOURCE = "/tests"
_HEARD = (COMPLETED, DEAD_LETTER, PROGRESS)
_WAIT_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A record as the broker delivered it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def record(self) -> KafkaRecord:
        return KafkaRecord(topic=self.topic, key=self.key, value=self.value, headers=self.headers)

    def header(self, name: str) -> str | None:
        """The last header of that name as text; None when there is none or it is null."""
        values = [value for header, value in self.headers if header == name]
        return values[-1].decode() if values and values[-1] is not None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """A completion as its reader sees it, and the record it came in."""

    event: CompletedEvent
    heard: Heard

    @property
    def data(self) -> Any:
        return self.event.data

    @property
    def error_code(self) -> str | None:
        return self.event.data.error.code if self.event.data.error else None


class Wire:
    """Both ends of the broker: publishes requests, and hears everything on completed, dead-letter and progress."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self.heard: list[Heard] = []
        self._completions: list[Completion] = []
        self._looked_at = 0

    async def publish(
        self,
        request: AnalysisRequested | Mapping[str, Any],
        *,
        source: str = SOURCE,
        event_id: str | None = None,
        key: bytes | None = None,
        extensions: Mapping[str, str] | None = None,
        traceparent: str | None = None,
        topic: str = REQUESTED,
    ) -> str:
        """Publish a request (or its JSON as a dict) as its producers do, in binary mode; returns its request_id."""
        data = (
            request
            if isinstance(request, AnalysisRequested)
            else AnalysisRequested.model_validate_json(json.dumps(request))
        )
        record = encode_event(
            type=REQUESTED,
            data=data,
            event_id=event_id or str(uuid.uuid4()),
            source=source,
            time=datetime.now(UTC),
            topic=topic,
            key=key if key is not None else data.request_id.encode(),
            extensions=extensions or {},
            traceparent=traceparent,
        )
        await self.publish_raw(record.value, key=record.key, headers=record.headers, topic=topic)
        return data.request_id

    async def publish_raw(
        self,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        topic: str = REQUESTED,
        partition: int | None = None,
    ) -> Any:
        """Publish any record at all: null values and headers, repeats, bytes; returns its coordinates."""
        return await self._producer.send_and_wait(
            topic, value=value, key=key, headers=list(headers), partition=partition
        )

    async def publish_bare(
        self, headers: Sequence[tuple[str, bytes | None]], *, partition: int, topic: str = REQUESTED
    ) -> Any:
        """Publish a record with neither key nor value, which aiokafka's send() asserts away; returns its coordinates."""
        batch = self._producer.create_batch()
        batch.append(timestamp=None, key=None, value=None, headers=list(headers))
        return await (await self._producer.send_batch(batch, topic, partition=partition))

    def completions(self, request_id: str) -> list[Completion]:
        """The completions of a request so far, oldest first."""
        # Each is decoded once: a test that waits for hundreds asks thousands of times.
        fresh, self._looked_at = self.heard[self._looked_at :], len(self.heard)
        self._completions += [
            Completion(event=decode_completed(one.record), heard=one) for one in fresh if one.topic == COMPLETED
        ]
        return [one for one in self._completions if one.event.data.request_id == request_id]

    async def completion(self, request_id: str, *, count: int = 1, seconds: float = _WAIT_SECONDS) -> Completion:
        """Wait until a request has that many completions and return the latest."""
        await until(
            lambda: len(self.completions(request_id)) >= count, seconds=seconds, what=lambda: self._seen(request_id)
        )
        return self.completions(request_id)[-1]

    def progress(self, request_id: str) -> list[ProgressEvent]:
        """The progress reports of a request so far."""
        found = [decode_progress(one.record) for one in self._on(PROGRESS)]
        return [one for one in found if one.data.request_id == request_id]

    def dead_letters(self, where: Callable[[Heard], bool] = lambda _: True) -> list[Heard]:
        """The dead letters so far for which `where` is true."""
        return [one for one in self._on(DEAD_LETTER) if where(one)]

    async def dead_letter(self, where: Callable[[Heard], bool], *, seconds: float = _WAIT_SECONDS) -> Heard:
        """Wait for a dead letter for which `where` is true."""
        await until(lambda: self.dead_letters(where), seconds=seconds, what=lambda: self._seen("a dead letter"))
        return self.dead_letters(where)[0]

    def _on(self, topic: str) -> list[Heard]:
        return [one for one in self.heard if one.topic == topic]

    def _seen(self, wanted: str) -> str:
        return f"{wanted}; heard {len(self.heard)}: " + "; ".join(
            f"{one.topic}[{one.partition}]@{one.offset} key={one.key!r}" for one in self.heard[-10:]
        )


@contextlib.asynccontextmanager
async def open_wire(stack: Stack) -> AsyncIterator[Wire]:
    """Connect to the stack's broker and hear everything from the beginning."""
    servers = {"bootstrap_servers": stack.environment["KAFKA_BOOTSTRAP_SERVERS"]}
    consumer = AIOKafkaConsumer(*_HEARD, **servers, auto_offset_reset="earliest", fetch_max_wait_ms=40)
    producer = AIOKafkaProducer(**servers, acks="all", max_request_size=8 * 1024**2)
    async with producer, consumer:
        wire = Wire(producer)
        listening = asyncio.ensure_future(_listen(consumer, wire.heard))
        try:
            yield wire
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


async def _listen(consumer: AIOKafkaConsumer, heard: list[Heard]) -> None:
    async for one in consumer:
        heard.append(  # noqa: PERF401 — a comprehension would hand them over at the end, which never comes
            Heard(
                topic=one.topic,
                partition=one.partition,
                offset=one.offset,
                key=one.key,
                value=one.value,
                headers=tuple(one.headers),
            )
        )


class Simulator:
    """The control of the model simulator (`/simulator/…`)."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.simulator_url + "/simulator"

    async def play(self, *rules: Mapping[str, Any], **default: Any) -> None:
        """Load a script: rules (`{"match": …, "do": …}`) and the default pace; raises on a bad one."""
        await self._ask("PUT", "scenario", json={"default": default, "rules": list(rules)})

    async def reset(self) -> None:
        """The honest script, no calls held, no calls remembered."""
        await self.play()
        await self.release()
        await self._ask("DELETE", "calls")

    async def release(self) -> int:
        """Let the calls go on that are held or stalled now; returns how many."""
        return (await self._ask("POST", "release"))["released"]

    async def calls(self, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> list[dict[str, Any]]:
        """The calls so far, oldest first, for which `where` is true."""
        return [call for call in await self._ask("GET", "calls") if where(call)]

    async def calls_with(self, marker: str, *, status: str | None = None) -> list[dict[str, Any]]:
        """The calls that had `marker` in the text they were sent (put one into `instruction`)."""
        return await self.calls(
            lambda call: any(marker in text for text in call["texts"]) and status in (None, call["status"])
        )

    async def until_called(self, marker: str, *, status: str | None = None, count: int = 1) -> list[dict[str, Any]]:
        """Wait until there are that many calls with `marker` (and that status)."""

        async def enough() -> list[dict[str, Any]]:
            found = await self.calls_with(marker, status=status)
            return found if len(found) >= count else []

        return await until(enough, what=f"{count} calls with {marker!r}, status {status}")

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            answer = await client.request(method, f"{self._url}/{path}", **options)
        assert answer.status_code == httpx.codes.OK, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


class Bucket:
    """The stack's object store, for putting media in and looking at the ledger and results."""

    def __init__(self, stack: Stack) -> None:
        environment = stack.environment
        self.client = Minio(
            environment["S3_ENDPOINT"].removeprefix("http://"),
            access_key=environment["S3_ACCESS_KEY"],
            secret_key=environment["S3_SECRET_KEY"],
            region=environment["S3_REGION"],
            secure=False,
        )
        self.results = environment["S3_RESULTS_BUCKET"]

    def upload(
        self, key: str, data: bytes, *, content_type: str = "image/jpeg", bucket: str = "media"
    ) -> dict[str, str]:
        """Put an object; returns the bucket and key as a media item wants them."""
        self.client.put_object(bucket, key, io.BytesIO(data), len(data), content_type=content_type)
        return {"bucket": bucket, "key": key}

    def read(self, key: str, *, bucket: str | None = None) -> bytes:
        with contextlib.closing(self.client.get_object(bucket or self.results, key)) as answer:
            return answer.read()

    def read_json(self, key: str, *, bucket: str | None = None) -> Any:
        return json.loads(self.read(key, bucket=bucket))

    def keys(self, prefix: str, *, bucket: str | None = None) -> list[str]:
        """The keys below a prefix, sorted."""
        return sorted(
            one.object_name for one in self.client.list_objects(bucket or self.results, prefix, recursive=True)
        )
