"""Drill: completions and dead letters whose topics take 64 KiB: results, poison records and headers of about 1 MB.

Demanded: each arrives by reference, whole, with its SHA-256 and size, and the offsets go on.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import random
from typing import TYPE_CHECKING, Any

from analysis_devstack.topics import TopicSpec, contract_topics
from analysis_worker.dead_letter_format import decode_buried
from media_contracts import headers
from media_contracts.topics import COMPLETED, DEAD_LETTER
from tests.drills.accounting import Counters, common_faults, fleet_faults, one_call_each, succeeded_all
from tests.drills.group_offsets import committed_offsets
from tests.drills.patience import until_still
from tests.drills.requests import EVENT_HEADERS, ids_of, request_of
from tests.drills.scene import open_scene
from tests.processes import until
from tests.system.harness import Bucket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis_devstack.stack import Stack
    from tests.drills.ear import Letter
    from tests.drills.scene import Scene

SIZES = {"small": {"each": 3}, "full": {"each": 50}}
LIMIT_BYTES = 65_536
_RESULT_BYTES, _POISON_BYTES, _HEADER_BYTES = 1_000_000, 1_000_000, 900_000
_PARTITIONS = 12
_LARGE = "at length"


def topics() -> tuple[TopicSpec, ...]:
    """The contracts' topics; those for completions and dead letters take 64 KiB."""
    small = {"max.message.bytes": str(LIMIT_BYTES)}
    return tuple(
        dataclasses.replace(spec, configuration={**spec.configuration, **small})
        if spec.name in {COMPLETED, DEAD_LETTER}
        else spec
        for spec in contract_topics()
    )


async def drill(stack: Stack, *, size: Mapping[str, int], seed: int) -> Counters:
    """Run it; `size`: how many of each kind."""
    dice = random.Random(seed)
    large, heavy, small = (ids_of(kind, size["each"]) for kind in ("large", "heavy", "small"))
    poison = {name.encode(): dice.randbytes(_POISON_BYTES - 1) + b"\xff" for name in ids_of("poison", size["each"])}
    laden = {name.encode(): b"no request " + name.encode() for name in ids_of("laden", size["each"])}
    load = {"x-large": dice.randbytes(_HEADER_BYTES)}
    text = json.dumps({"words": "word " * (_RESULT_BYTES // 5)})
    async with open_scene(stack, group="too-large") as scene:
        await scene.simulator.play(
            {"match": {"contains": _LARGE}, "do": {"text": text, "whole": True, "chunk_characters": 65_536}}
        )
        await scene.fleet.start_ready(1)
        # Between the large ones stand small ones, which must not suffer.
        await scene.publisher.publish(
            request_of(name, marker=_LARGE, output_schema={"type": "object"}, model={"name": "qwen3.8-omni-flash"})
            for name in large
        )
        await scene.publisher.publish_raw(list(poison.items()))
        await scene.publisher.publish_raw(list(laden.items()), headers=load)
        requests = [(name.encode(), json.dumps(request_of(name)).encode()) for name in heavy]
        await scene.publisher.publish_raw(requests, headers=EVENT_HEADERS | load)
        await scene.publisher.publish(map(request_of, small))
        names = [*large, *heavy, *small]
        await scene.until_heard(names)
        letters = len(poison) + len(laden)
        await until_still(lambda: len(scene.ear.letters), goal=letters, stuck_seconds=60)
        records = len(names) + letters

        async def committed() -> bool:
            found = await committed_offsets(stack, scene.fleet.group, partitions=_PARTITIONS)
            return sum(found.values()) >= records

        await until(committed, seconds=60, what="a commit behind every record")
        checked = await asyncio.to_thread(_check, scene, large, text=text, poison=poison, laden=laden, load=load)
        return {**await scene.tally(names), "each": size["each"], **checked}


def _check(
    scene: Scene,
    large: Sequence[str],
    *,
    text: str,
    poison: Mapping[bytes, bytes],
    laden: Mapping[bytes, bytes],
    load: Mapping[str, bytes],
) -> dict[str, int]:
    """Read what every reference names and compare it with what was sent."""
    bucket = Bucket(scene.stack)
    results = [one.result_ref for name in large for one in scene.ear.of(name)]
    read = [_read(bucket, ref["bucket"], ref["key"], ref["sha256"], ref["size_bytes"]) for ref in results if ref]
    buried = [_buried(bucket, one) for one in scene.ear.letters]
    records = [decode_buried(stored) for holds, _, stored in buried if holds == "record" and stored is not None]
    return {
        "results_whole": sum(one == text.encode() for one in read),
        "poison_whole": len(
            {key for holds, key, stored in buried if holds == "value" and key and stored == poison.get(key)}
        ),
        "laden_whole": len(
            {
                one.key
                for one in records
                if one.key and one.value == laden.get(one.key) and load.items() <= dict(one.headers).items()
            }
        ),
        "heaviest_value_bytes": max(
            *(one.value_bytes for one in scene.ear.completions.values()),
            *(one.value_bytes or 0 for one in scene.ear.letters),
        ),
    }


def _buried(bucket: Bucket, letter: Letter) -> tuple[str, bytes | None, bytes | None]:
    """What a dead letter refers to: `value` or `record`, its key, and the stored bytes."""
    said = letter.headers
    holds = said.get(headers.DEAD_LETTER_REF_HOLDS, "nothing")
    if holds == "nothing":
        return holds, letter.key, None
    where = (said[headers.DEAD_LETTER_REF_BUCKET], said[headers.DEAD_LETTER_REF_KEY])
    told = (said[headers.DEAD_LETTER_REF_SHA256], int(said[headers.DEAD_LETTER_REF_SIZE_BYTES]))
    return holds, letter.key, _read(bucket, *where, *told)


def _read(bucket: Bucket, name: str, key: str, sha256: str, size_bytes: int) -> bytes | None:
    """The object, unless it is not what its reference says."""
    stored = bucket.read(key, bucket=name)
    return stored if (hashlib.sha256(stored).hexdigest(), len(stored)) == (sha256, size_bytes) else None


def verdict(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what the table demands and does not hold."""
    wanted = {"dead_letters": 2 * counters["each"]}
    checks = (common_faults, one_call_each, succeeded_all)
    faults = [fault for check in checks for fault in check(counters)] + fleet_faults({**counters, "dead_letters": 0})
    wanted |= dict.fromkeys(("results_whole", "poison_whole", "laden_whole"), counters["each"])
    faults += [f"{name}: {counters[name]}, not {count}" for name, count in wanted.items() if counters[name] != count]
    if counters["heaviest_value_bytes"] > LIMIT_BYTES:
        faults.append(f"a value of {counters['heaviest_value_bytes']} bytes in a topic that takes {LIMIT_BYTES}")
    return faults
