"""No plan exceeds its limits: whatever is asked, it is rejected by name or fits the card, the request and the budget."""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker.catalogue import load_catalogue
from analysis_worker.errors import (
    BudgetExceeded,
    InputTooLong,
    MediaDimensions,
    MediaForbidden,
    ParameterInvalid,
    Rejected,
    RequestExpired,
)
from analysis_worker.local import LocalFiles
from analysis_worker.plan import plan
from analysis_worker.planner import Planner
from analysis_worker.probe import ProbePool
from analysis_worker.profiles import load_profiles
from analysis_worker.receive import receive
from analysis_worker.values import Delivered
from media_contracts import KafkaRecord, Money

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CATALOGUE, PROFILES = load_catalogue(), load_profiles()
MODELS = ("qwen3.8-omni-flash", "qwen3.5-omni-plus", "qwen3.5-omni-flash", "qwen3-omni-flash", "qwen-omni-turbo")


def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def planned(pictures=(), *, now=NOW, spent=None, allowed="local/*", **fields):
    """Plan a request for pictures of the given sides, on the local disk."""
    with tempfile.TemporaryDirectory() as folder:
        media = []
        for number, (width, height) in enumerate(pictures):
            path = Path(folder) / f"{number}.png"
            path.write_bytes(png(width, height))
            media.append({"kind": "image", "bucket": "local", "key": str(path)})
        value = json.dumps({"request_id": "a", "media": media, "instruction": "x"} | fields).encode()
        record = KafkaRecord(topic="media.analysis.requested.v1", key=None, value=value)
        delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=int(NOW.timestamp() * 1000))
        job = receive(delivered, now=NOW, tenant_topics={}, default_deadline_seconds=3600)

        async def run():
            async with ProbePool(children=1) as pool:
                planner = Planner(
                    store=LocalFiles(),
                    pool=pool,
                    catalogue=CATALOGUE,
                    profiles=PROFILES,
                    allowed={"default": (allowed,)},
                    url_hosts=frozenset(),
                    default_model="qwen3.5-omni-plus",
                    region="beijing",
                )
                return await plan(job, planner=planner, now=now, spent=spent)

        return asyncio.run(run())


@settings(max_examples=40)
@given(
    pictures=st.lists(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), max_size=3),
    model=st.sampled_from(MODELS),
    most_input=st.none() | st.integers(1, 5000),
    most_output=st.none() | st.integers(1, 200_000),
    budget=st.none() | st.decimals("0.000001", "2", places=6),
)
def test_a_plan_never_exceeds_its_limits(pictures, model, most_input, most_output, budget):
    limits = {} if most_input is None else {"max_input_tokens": most_input}
    if budget is not None:
        limits["max_cost"] = {"amount": f"{budget:f}", "currency": "CNY"}
    choice = {"name": model} | ({} if most_output is None else {"max_output_tokens": most_output})
    try:
        made = planned(pictures, model=choice, limits=limits)
    except Rejected:
        return
    card = made.card
    tokens, output = made.input_tokens.total, made.parameters.max_tokens
    assert output <= card.context.max_output_tokens
    assert tokens <= (card.context.max_input_tokens or card.context.context_tokens - output)
    assert most_input is None or tokens <= most_input
    assert most_output is None or output <= most_output
    assert budget is None or made.estimate.cost.decimal <= budget
    for medium in made.media:
        assert min(medium.probed.width, medium.probed.height) > 10
        assert max(medium.probed.width, medium.probed.height) <= 200 * min(medium.probed.width, medium.probed.height)


@pytest.mark.parametrize(
    ("sides", "passes"),
    [((11, 11), True), ((10, 500), False), ((11, 2200), True), ((11, 2201), False), ((30_000, 30_000), False)],
    ids=["just large enough", "ten pixels", "200:1", "over 200:1", "900 megapixels"],
)
def test_the_sides_of_a_picture(sides, passes):
    if passes:
        assert planned([sides]).media[0].probed.width == sides[0]
        return
    with pytest.raises(MediaDimensions):
        planned([sides])


def test_what_was_spent_before_counts_against_the_budget():
    limits = {"max_cost": {"amount": "1", "currency": "CNY"}}
    bound = planned(limits=limits).estimate.cost.decimal
    with pytest.raises(BudgetExceeded):
        planned(limits=limits, spent=Money.of(Decimal(1) - bound / 2, "CNY"))


def test_a_deadline_is_looked_at_first():
    with pytest.raises(RequestExpired):
        planned(now=NOW + timedelta(hours=2), profile="nobody")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"limits": {"max_input_tokens": 1}}, InputTooLong),
        ({"model": {"max_output_tokens": 65_537}}, ParameterInvalid),
        ({"model": {"temperature": 2.0}}, ParameterInvalid),
    ],
)
def test_one_over_is_rejected(fields, fault):
    with pytest.raises(fault):
        planned(**fields)


def test_what_the_tenant_may_not_read_is_not_even_looked_at():
    with pytest.raises(MediaForbidden):
        planned([(64, 64)], allowed="elsewhere/*")
