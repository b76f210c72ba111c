"""Drill: every I/O operation of one analysis, and a kill -9 before it is forwarded and before its reply is delivered.

A recording proxy before Kafka, the store and the model lists the operations (fewer than eight would mean that it does
not see them all). Demanded for each kill: one completion id, and one paid call where the store had acknowledged the
answer before the kill, else at most one more.

Workers of different chains read topics and groups of their own, so that chains run side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import AdminClient, NewTopic
from PIL import Image

from tests.drills.accounting import Counters, common_faults, count
from tests.drills.call_book import open_book
from tests.drills.ear import open_ear
from tests.drills.fleet import Fleet, Member, open_fleet
from tests.drills.group_offsets import committed_offsets
from tests.drills.requests import Publisher, request_of
from tests.drills.tcp_proxy import Passing, open_front
from tests.drills.telling import tell
from tests.processes import until
from tests.system.harness import Bucket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from analysis_devstack.stack import Stack
    from tests.drills.ear import Ear
    from tests.drills.tcp_proxy import Phase

SIZES = {
    "small": {"every": 1, "chains": 4},
    "small_real": {"every": 4, "chains": 2},
    "full": {"every": 1, "chains": 2},
}
LEAST_OPERATIONS = 8
_MEDIA_KEY = "io-points/picture.jpg"
_FETCH = "kafka Fetch"
_IDLE = {"Heartbeat", "Metadata", "ApiVersions", "FindCoordinator", "JoinGroup", "SyncGroup", "LeaveGroup"}
_IDLE |= {"OffsetFetch", "ListOffsets", "InitProducerId", "DescribeConfigs"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """An operation, the n-th of its name, and the side of it on which the worker dies."""

    name: str
    nth: int
    phase: Phase


@dataclass(kw_only=True)
class Scribe:
    """The gate: lists the operations of the request that is under way, and kills at the chosen point."""

    request_id: str = ""
    point: Point | None = None
    victim: Member | None = None
    fleet: Fleet | None = None
    seen: list[str] = field(default_factory=list)
    struck: bool = False
    answer_acknowledged: bool = False

    def begin(self, request_id: str, point: Point | None, victim: Member, fleet: Fleet) -> None:
        """A new request."""
        self.request_id, self.point, self.victim, self.fleet = request_id, point, victim, fleet
        self.seen, self.struck, self.answer_acknowledged = [], False, False

    async def gate(self, passing: Passing) -> bool:
        """See tcp_proxy."""
        if not self.request_id:
            return True
        name = _named(passing, self.request_id)
        if name is None:
            return True
        if passing.phase == ("after" if name == _FETCH else "before"):
            self.seen.append(name)
        if (
            passing.phase == "after"
            and name == "s3 PUT answer.json"
            and passing.reply.startswith(b"HTTP/1.1 200")
            and not self.struck
        ):
            self.answer_acknowledged = True
        point = self.point
        if self.struck or point is None or (name, passing.phase) != (point.name, point.phase):
            return True
        if name != _FETCH and self.seen.count(name) != point.nth:
            return True
        assert self.victim
        assert self.fleet
        self.struck = True
        self.fleet.kill(self.victim)
        return False


def _named(passing: Passing, request_id: str) -> str | None:
    """What the operation is called; None for what is no part of an analysis."""
    request = passing.request
    if passing.server == "kafka":
        if request.name in _IDLE:
            return None
        # An empty fetch waits for records; only the one that brings ours counts, and before it is sent all are alike.
        if request.name == "Fetch" and passing.phase == "after" and request_id.encode() not in passing.reply:
            return None
        return f"kafka {request.name}"
    method, _, path = request.name.partition(" ")
    if "/probe/" in path:
        return None
    return f"{passing.server} {method} {path.rpartition('/')[2]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """One topic with one partition, its tenant, and the workers that take one request after the other from it."""

    number: int
    stack: Stack
    scribe: Scribe
    fleet: Fleet
    ear: Ear
    publisher: Publisher

    @property
    def topic(self) -> str:
        return f"drill.requested.{self.number}"

    @property
    def tenant(self) -> str:
        return f"chain{self.number}"

    async def take(self, request_id: str, point: Point | None, *, so_far: int) -> dict[str, Any]:
        """One request to its committed end; the worker dies at the point, and another is started."""
        [worker] = self.fleet.active or await self.fleet.start_ready(1)
        self.scribe.begin(request_id, point, worker, self.fleet)
        media = [{"kind": "image", "bucket": "media", "key": _MEDIA_KEY}]
        request = request_of(request_id, tenant=self.tenant, media=media)
        await self.publisher.publish([request], topic=self.topic, partition=0)
        if point:
            await until(lambda: self.scribe.struck, seconds=30, what=lambda: f"{point}; seen {self.scribe.seen}")
            await self.fleet.start_ready(1)
        await until(lambda: self.ear.of(request_id), seconds=60, what=f"completion after {point}")

        async def is_committed() -> bool:
            found = await committed_offsets(self.stack, self.fleet.group, topic=self.topic, partitions=1)
            return found.get(0, 0) > so_far

        await until(is_committed, seconds=60, what=f"commit after {point}")
        return {
            "request_id": request_id,
            "operation": f"{point.name} {point.nth}" if point else "none",
            "phase": point.phase if point else "none",
            "answer_acknowledged": self.scribe.answer_acknowledged,
        }


@contextlib.asynccontextmanager
async def _open_chain(stack: Stack, number: int, *, ear: Ear, publisher: Publisher) -> AsyncIterator[Chain]:
    scribe = Scribe()
    own = {
        "KAFKA_TENANT_TOPICS": json.dumps({f"drill.requested.{number}": f"chain{number}"}),
        "S3_ALLOWED": json.dumps({f"chain{number}": ["media/*"]}),
        "S3_PUBLIC_ENDPOINT": None,  # so that the worker reads the media, too
        "WORKER_CLAIM_STALE_SECONDS": "2",
    }
    async with (
        open_front(stack.environment, gate=scribe.gate) as front,
        open_fleet(stack, group=f"io-{number}", options={**own, **front.options}) as fleet,
    ):
        yield Chain(number=number, stack=stack, scribe=scribe, fleet=fleet, ear=ear, publisher=publisher)


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: every n-th point is tried, in so many chains; `seed`: with which point every n-th begins."""
    await asyncio.to_thread(_prepare, stack, size["chains"])
    publisher = Publisher(stack)
    with open_ear(stack) as ear:
        async with open_book(stack) as book, contextlib.AsyncExitStack() as exits:
            chains = [
                await exits.enter_async_context(_open_chain(stack, number, ear=ear, publisher=publisher))
                for number in range(size["chains"])
            ]
            await chains[0].take("io-recorded", None, so_far=0)
            operations = list(chains[0].scribe.seen)
            tell("\n".join(f"  {number:2} {name}" for number, name in enumerate(operations, 1)))
            every = size["every"]
            points = points_of(operations)[seed % every :: every]
            shares = [points[number :: len(chains)] for number in range(len(chains))]
            found = await asyncio.gather(*map(_walk, chains, shares))
            results = [one for share in found for one in share]
            await book.write_up()
            names = ["io-recorded", *(one["request_id"] for one in results)]
            return {
                **count(names, ear=ear, book=book),
                "operations": operations,
                "points": [
                    one
                    | {
                        "completion_ids": len(ear.of(one["request_id"])),
                        "paid_calls": sum(call.paid for call in book.of(one["request_id"])),
                    }
                    for one in results
                ],
            }


async def _walk(chain: Chain, points: list[Point]) -> list[dict[str, Any]]:
    found = []
    for number, point in enumerate(points):
        before = number + (chain.number == 0)
        found.append(await chain.take(f"io-{chain.number}-{number}", point, so_far=before))
        tell(f"  {found[-1]}")
    return found


def points_of(operations: list[str]) -> list[Point]:
    """Pure: both sides of every operation, in order."""
    return [
        Point(name=name, nth=operations[: index + 1].count(name), phase=phase)
        for index, name in enumerate(operations)
        for phase in ("before", "after")
    ]


def _prepare(stack: Stack, chains: int) -> None:
    admin = AdminClient({"bootstrap.servers": stack.environment["KAFKA_BOOTSTRAP_SERVERS"]})
    replicas = min(3, len(stack.environment["KAFKA_BOOTSTRAP_SERVERS"].split(",")))
    topics = [NewTopic(f"drill.requested.{number}", 1, replicas) for number in range(chains)]
    for created in admin.create_topics(topics).values():
        created.result(30)
    picture = io.BytesIO()
    Image.new("RGB", (96, 64), (200, 80, 40)).save(picture, "JPEG")
    Bucket(stack).upload(_MEDIA_KEY, picture.getvalue())


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    faults = common_faults(counters)
    if len(counters["operations"]) < LEAST_OPERATIONS:
        faults.append(f"only {len(counters['operations'])} I/O operations were seen: {counters['operations']}")
    if not counters["points"]:
        faults.append("no point was tried")
    for point in counters["points"]:
        where = f"kill {point['phase']} {point['operation']}"
        if point["completion_ids"] != 1:
            faults.append(f"{where}: {point['completion_ids']} completion ids")
        allowed = 1 if point["answer_acknowledged"] else 2
        if not 1 <= point["paid_calls"] <= allowed:
            faults.append(f"{where}: {point['paid_calls']} paid calls, allowed are {allowed}")
    return faults
