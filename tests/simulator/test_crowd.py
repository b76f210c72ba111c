"""Many calls at once, and heavy ones: they do not get in each other's way, and the log stays right."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from typing import TYPE_CHECKING

import httpx

from tests.simulator.samples import body, data_uri, events, image, picture, text, text_of
from tests.simulator.servers import COMPLETIONS, KEY, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADERS = {"Authorization": f"Bearer {KEY}"}


async def ask_all(simulator: Simulator, bodies: Iterable[dict]) -> list[httpx.Response]:
    root = simulator.base_url.removesuffix("/compatible-mode/v1")
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=root, headers=HEADERS, timeout=60, limits=limits) as client:
        return await asyncio.gather(*(client.post(COMPLETIONS, json=one) for one in bodies))


async def test_sixty_four_paced_streams_run_side_by_side(simulator: Simulator) -> None:
    simulator.direct(chunk_seconds=0.02, chunk_characters=16, first_token_seconds=0.05)
    began = asyncio.get_running_loop().time()
    answers = await ask_all(simulator, (body(image(), text(f"question {index}")) for index in range(64)))
    took = asyncio.get_running_loop().time() - began
    chunks = [events(answer.content) for answer in answers]
    one_after_another = 64 * len(chunks[0]) * 0.02
    assert took < one_after_another / 4
    assert len({text_of(one) for one in chunks}) == 1
    assert len(simulator.calls()) == 64
    assert len({one[0]["id"] for one in chunks}) == 64


async def test_heavy_bodies_wait_for_room_and_all_are_answered() -> None:
    """Each part is close to the limit of an inline part; bytes behind a picture's end are its file's, too."""
    heavy = picture(320, 240) + os.urandom(7 * 2**20)
    reference = data_uri(heavy)
    assert len(b64encode(heavy)) < 10_485_760
    with run_simulator() as simulator:
        answers = await ask_all(simulator, (body(image(reference), image(reference)) for _ in range(4)))
        calls = simulator.calls()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {call["parts"][0]["bytes"] for call in calls} == {len(heavy)}
    assert all(call["body_bytes"] > 2 * len(reference) for call in calls)
    assert len(str(calls)) < 20_000  # the log keeps no media
