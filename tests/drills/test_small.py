"""Each drill at its small size holds; `DRILL_STACK=real` runs them on Apache Kafka, `DRILL_SEED` on another seed."""

from __future__ import annotations

import json
import os

import pytest

from tests.drills.catalogue import DRILLS, stack_for
from tests.drills.telling import tell

pytestmark = [pytest.mark.drill, pytest.mark.timeout(400)]


@pytest.mark.parametrize("name", DRILLS)
async def test_the_drill_holds(name, tmp_path):
    drill = DRILLS[name]
    kind = os.environ.get("DRILL_STACK", "embedded")
    async with stack_for(drill, tmp_path, kind=kind) as stack:
        counters = await drill.drill(
            stack, size=drill.size("small", stack=kind), seed=int(os.environ.get("DRILL_SEED", "1"))
        )
    tell(json.dumps(counters, indent=1, default=str))
    assert drill.verdict(counters) == []
