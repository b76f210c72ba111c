"""The benchmark at a small size: that it runs, and that the claim it is quoted for can be seen. No timings."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.byte_pipe import MEGABYTE, Load, compare, table

SMALL = Load(objects=8, size_bytes=2 * MEGABYTE + 1, concurrency=8, rounds=2)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
async def test_the_pipe_holds_less_than_the_media_and_the_whole_holds_more(stack):
    said = []
    rounds = await compare(stack.environment, SMALL, told=said.append)
    under_way_bytes = SMALL.concurrency * SMALL.size_bytes
    assert max(figures.growth_bytes for figures in rounds["pipe"]) < under_way_bytes / 2
    assert min(figures.growth_bytes for figures in rounds["whole"]) > under_way_bytes
    assert len(said) == 2 * SMALL.rounds
    assert [line.split("|")[1].strip() for line in table(rounds)[2:]] == [
        "peak RSS, MB",
        "growth of RSS, MB",
        "client CPU, s",
        "wall, s",
    ]
