"""Drill: thousands of poison records in a row on one partition; then chosen dead letters are put back.

Half of the poison is garbage; the other half are requests of a tenant that the topic is not bound to, so that they are
good once the operator has mended `KAFKA_TENANT_TOPICS`. Demanded: the guard stops the partition at its limit, the other
partitions go on, and `media-analysis redrive` brings back exactly the chosen dead letters, byte for byte.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import httpx
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from media_contracts import headers
from media_contracts.topics import REQUESTED
from tests.cli.stand_in import run_command
from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.patience import pause, until_still
from tests.drills.requests import EVENT_HEADERS, ids_of, request_of
from tests.drills.scene import open_scene
from tests.drills.telling import tell
from tests.processes import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_devstack.stack import Stack
    from tests.drills.ear import Letter
    from tests.drills.fleet import Member
    from tests.drills.scene import Scene

SIZES = {"small": {"poison": 500, "others": 60}, "full": {"poison": 5_000, "others": 1_000}}
WINDOW, IN_FLIGHT = 100, 32
_PARTITIONS = 12
_STOPPED = 5
_TENANT = "acme"
_STILL_SECONDS = 1.0
_BOUND = {"KAFKA_TENANT_TOPICS": json.dumps({REQUESTED: _TENANT})}
_LIFTED = {"WORKER_FLOOD_SHARE": "1"}

Sent = tuple[bytes | None, bytes | None]
Whole = tuple[bytes | None, bytes | None, tuple[tuple[str, Any], ...]]


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: poison records on one partition, others: good requests on the other partitions."""
    dice = random.Random(seed)
    names = ids_of("poison", size["poison"])
    forbidden = [name for name in names if dice.random() < 0.5]
    others, [behind] = ids_of("other", size["others"]), ids_of("behind", 1)
    options = {"WORKER_FLOOD_WINDOW": str(WINDOW), "WORKER_MAX_IN_FLIGHT": str(IN_FLIGHT)}
    async with open_scene(stack, group="flood", options=options) as scene:
        [worker] = await scene.fleet.start_ready(1, **_BOUND)
        poison = _poison(names, frozenset(forbidden))
        await scene.publisher.publish_raw(poison, headers=EVENT_HEADERS, partition=_STOPPED)
        await scene.publisher.publish([request_of(behind, tenant=_TENANT)], partition=_STOPPED)
        stopped = await _until_stopped(scene, worker, others, behind)
        tell(f"  stopped: {stopped}")
        # The binding is mended, and the guard lifted until the garbage is through.
        scene.fleet.terminate(worker)
        await worker.process.wait()
        mended_at = datetime.now(UTC)
        await scene.fleet.start_ready(1, **_LIFTED)
        before = {_key(one): one for one in scene.ear.letters}
        directly = [name for name in forbidden if name not in before]
        await scene.until_heard([*others, behind, *directly])
        expected = len(names) - len(directly)
        await until_still(lambda: len(scene.ear.letters), goal=expected, stuck_seconds=30)
        redriven = await _redrive(scene, mended_at, sent=dict(poison))
        await scene.until_heard([*others, behind, *forbidden])
        await pause(_STILL_SECONDS)
        counters = await scene.tally([*others, behind, *forbidden])
        return {**counters, "dead_letters_expected": expected, "others": len(others), **stopped, **redriven}


def _poison(names: Sequence[str], forbidden: frozenset[str]) -> list[Sent]:
    """Records for one partition; those of the forbidden tenant are good requests otherwise."""
    return [
        (name.encode(), json.dumps(request_of(name)).encode() if name in forbidden else b"{garbage " + name.encode())
        for name in names
    ]


async def _until_stopped(scene: Scene, worker: Member, others: Sequence[str], behind: str) -> dict[str, Any]:
    """The guard has tripped, and the other partitions have been served after that."""

    async def stopped() -> bool:
        return (await worker.process.get("/readyz")).status_code == httpx.codes.SERVICE_UNAVAILABLE

    await until(stopped, seconds=60, what="the guard's stop in /readyz")
    free = [number for number in range(_PARTITIONS) if number != _STOPPED]
    for index, number in enumerate(free):
        share = others[index :: len(free)]
        await scene.publisher.publish((request_of(name, tenant=_TENANT) for name in share), partition=number)
    done = await scene.until_heard(others)
    await pause(_STILL_SECONDS)
    metrics = (await worker.process.get("/metrics")).text.splitlines()
    return {
        "dead_letters_at_the_stop": len(scene.ear.letters),
        "others_done_while_stopped": done,
        "behind_done_while_stopped": len(scene.ear.of(behind)),
        "readiness_faults": (await worker.process.get("/readyz")).json()["faults"],
        "liveness": (await worker.process.get("/livez")).status_code,
        "flooded_partitions": [line.split()[1] for line in metrics if line.startswith("media_analysis_flooded")],
    }


async def _redrive(scene: Scene, mended_at: datetime, *, sent: Mapping[bytes | None, bytes | None]) -> dict[str, Any]:
    """Show and then put back what was buried for the tenant before the binding was mended; read the topic both times."""
    until_then = mended_at.isoformat()
    chosen = {
        _key(one)
        for one in scene.ear.letters
        if one.headers[headers.DEAD_LETTER_REASON] == "tenant_forbidden" and _at(one) < mended_at
    }
    garbage = sum(
        one.headers[headers.DEAD_LETTER_REASON] != "tenant_forbidden" and _at(one) >= mended_at
        for one in scene.ear.letters
    )
    before = await asyncio.to_thread(_read_topic, scene.stack)
    shown = await _command(scene.stack, "--since", until_then)
    dry = await _command(scene.stack, "--reason", "tenant_forbidden", "--until", until_then)
    after_dry = await asyncio.to_thread(_read_topic, scene.stack)
    told = await _command(scene.stack, "--reason", "tenant_forbidden", "--until", until_then, "--yes")
    put_back = await asyncio.to_thread(_read_topic, scene.stack) - after_dry
    right: set[Whole] = {(name.encode(), sent[name.encode()], _own_headers(name.encode())) for name in chosen}
    return {
        "garbage_since_then": garbage,
        "shown_since_then": len(shown),
        "chosen": len(chosen),
        "shown": len(dry),
        "published_by_showing": (after_dry - before).total(),
        "told_put_back": sum(bool(row.get("put_back")) for row in told),
        "put_back": put_back.total(),
        "chosen_and_not_put_back": len(right - set(put_back)),
        "put_back_and_not_chosen": (put_back - Counter(right)).total(),
    }


async def _command(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    code, out, wrong = await run_command("redrive", *arguments, "--json", environment=stack.environment)
    if code:
        raise AssertionError(f"redrive {' '.join(arguments)} ended with {code}: {wrong}")
    return [json.loads(line) for line in out.splitlines()]


def _key(letter: Letter) -> str:
    return (letter.key or b"").decode()


def _at(letter: Letter) -> datetime:
    return datetime.fromisoformat(letter.headers[headers.DEAD_LETTER_AT])


def _own_headers(key: bytes) -> tuple[tuple[str, Any], ...]:
    return tuple({**EVENT_HEADERS, "ce_id": key}.items())


def _read_topic(stack: Stack) -> Counter[Whole]:
    """Every record of the requested topic: key, value, headers; read until nothing more comes."""
    consumer = Consumer(
        {
            "bootstrap.servers": stack.environment["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "drill-reader",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign([TopicPartition(REQUESTED, number, OFFSET_BEGINNING) for number in range(_PARTITIONS)])
    found: Counter[Whole] = Counter()
    try:
        while messages := consumer.consume(1_000, _STILL_SECONDS):
            for message in messages:
                if message.error() is not None:
                    raise AssertionError(f"{REQUESTED}: {message.error()}")
                found[
                    message.key(), message.value(), tuple(cast("list[tuple[str, Any]]", message.headers() or []))
                ] += 1
    finally:
        consumer.close()
    return found


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    checks = (common_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)] + fleet_faults({**counters, "dead_letters": 0})
    if not WINDOW <= counters["dead_letters_at_the_stop"] <= WINDOW + IN_FLIGHT:
        faults.append(f"stopped after {counters['dead_letters_at_the_stop']} dead letters; the window is {WINDOW}")
    if len(counters["readiness_faults"]) != 1 or f"{REQUESTED}-{_STOPPED} " not in counters["readiness_faults"][0]:
        faults.append(f"readiness says {counters['readiness_faults']}")
    wanted = {
        "others_done_while_stopped": counters["others"],
        "behind_done_while_stopped": 0,
        "liveness": 200,
        "flooded_partitions": ["1.0"],
        "dead_letters": counters["dead_letters_expected"],
        "shown_since_then": counters["garbage_since_then"],
        "shown": counters["chosen"],
        "published_by_showing": 0,
        "told_put_back": counters["chosen"],
        "put_back": counters["chosen"],
        "chosen_and_not_put_back": 0,
        "put_back_and_not_chosen": 0,
    }
    if not counters["chosen"]:
        faults.append("nothing was chosen")
    return faults + [
        f"{name}: {counters[name]}, not {right}" for name, right in wanted.items() if counters[name] != right
    ]
