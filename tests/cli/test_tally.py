"""`media-analysis tally`: the sums are right whatever the order, the copies and the grouping; as a process on the real broker."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_analysis.broker import publishing
from media_analysis.tally_show import as_csv, as_json, as_table
from media_analysis.tally_sum import COUNTS, INPUTS, OUTPUTS, completion_id, tally
from media_contracts import (
    Attempt,
    EstimatedUsage,
    Identity,
    InputUsage,
    KafkaRecord,
    Money,
    RequestRef,
    Usage,
    encode_completed,
    topics,
)
from tests.cli.stand_in import kafka, run_command
from tests.cli.stories import NOON, ended, succeeded, usage
from tests.contracts.strategies import completions


def attempt(
    number, outcome="succeeded", *, spent=None, cost="0.01", currency="CNY", model="plus", kind="analysis", segment=None
):
    return Attempt(
        number=number,
        kind=kind,
        segment=segment,
        model=model,
        outcome=outcome,
        usage=spent or usage(),
        cost=None if cost is None else Money(amount=cost, currency=currency),
        basis="reported",
    )


def done(request_id, *attempts, model="plus", **fields):
    return succeeded(
        request_id, attempts=attempts, usage=Usage.sum(one.usage for one in attempts), model=model, **fields
    )


CUT = Usage(
    input_tokens=400,
    output_tokens=20,
    total_tokens=420,
    input=InputUsage(),
    calls=1,
    estimated=EstimatedUsage(calls=1, input_tokens=400, output_tokens=20),
)


def rows(found):
    return {row.keys: row.sums for row in found.rows}


def test_a_request_belongs_to_the_model_that_ended_it_and_each_attempt_to_its_own():
    fallen_back = done("a", attempt(1, "stream_cut", spent=CUT, model="flash"), attempt(2))
    found = rows(tally([fallen_back], axes=["model"]))
    plus, flash = found["plus",], found["flash",]
    assert (plus.counts["requests"], flash.counts["requests"]) == (1, 0)
    assert (plus.counts["calls"], flash.counts["calls"]) == (1, 1)
    assert (flash.counts["wasted_tokens"], flash.counts["estimated_tokens"], flash.counts["input_unsplit"]) == (
        420,
        420,
        400,
    )
    assert (plus.counts["input_image"], plus.counts["output_text"], plus.counts["wasted_tokens"]) == (258, 96, 0)
    assert (plus.wasted, flash.wasted) == ({}, {"CNY": Decimal("0.01")})
    assert (plus.estimated_share, flash.estimated_share) == (0.0, 1.0)


def test_all_that_a_failed_request_cost_is_wasted():
    failed = ended("failed", "answer_wrong_shape", "x").model_copy(
        update={"attempts": (attempt(1), attempt(2)), "usage": Usage.sum([usage(), usage()])}
    )
    found = tally([failed], axes=["tenant"]).total
    assert (found.cost, found.wasted) == ({"CNY": Decimal("0.02")}, {"CNY": Decimal("0.02")})
    assert (found.counts["failed"], found.counts["wasted_tokens"]) == (1, 2 * usage().total_tokens)


def wasted_of(*attempts, **fields):
    return tally([done("a", *attempts, **fields)], axes=["tenant"]).total.wasted.get("CNY", Decimal(0)) * 100


def test_good_answers_that_are_not_in_the_result_led_nowhere_as_well():
    parts = [attempt(number, kind="segment", segment=number - 3) for number in (3, 4)]
    left = [attempt(number, kind="segment", segment=number - 1, model="flash") for number in (1, 2)]
    told = [attempt(5, "answer_wrong_shape", kind="reduce", model="text"), attempt(6, kind="repair", model="text")]
    assert wasted_of(*parts) == 0
    assert wasted_of(*left, *parts, *told, attempt(7, kind="speech", model="voice")) == 3
    assert wasted_of(attempt(1), attempt(2)) == 1
    assert wasted_of(attempt(1, "answer_truncated"), attempt(2, kind="repair")) == 1
    assert wasted_of(*parts, attempt(5, kind="repair", segment=1)) == 1


def test_currencies_are_never_added_and_an_unknown_price_is_counted_as_one():
    mixed = [done("a", attempt(1)), done("b", attempt(1, currency="USD")), done("c", attempt(1, cost=None))]
    found = tally(mixed, axes=["tenant"]).total
    assert found.cost == {"CNY": Decimal("0.01"), "USD": Decimal("0.01")}
    assert found.counts["unpriced_calls"] == 1
    assert as_json(tally(mixed, axes=["tenant"]))["total"]["cost"] == {"CNY": "0.01", "USD": "0.01"}


def test_a_span_takes_its_beginning_and_leaves_its_end():
    every = [done(str(hour), attempt(1), completed_at=NOON + timedelta(hours=hour)) for hour in range(5)]
    found = tally(every, axes=["tenant"], since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))
    assert found.total.counts["requests"] == 2


def test_profile_and_label_are_groups_and_so_is_having_none():
    every = [done("a", attempt(1), labels={"shop": "42"}), done("b", attempt(1)), ended("rejected", "x", "y")]
    assert set(rows(tally(every, axes=["label:shop"]))) == {("42",), ("-",)}
    assert set(rows(tally(every, axes=["profile", "model"]))) == {("describe", "plus"), ("-", "-")}


def test_the_id_is_that_of_the_event_also_when_the_event_has_lost_it():
    one = done("a", attempt(1), request=RequestRef(source="/s", rerun=3, accepted_at=NOON))
    assert completion_id(one) == Identity(tenant="default", source="/s", request_id="a", rerun=3).completion_id()


HELD = st.lists(completions(), max_size=6)
AXES = st.lists(st.sampled_from(["tenant", "model", "profile", "label:shop"]), min_size=1, max_size=2, unique=True)


def told(found):
    return as_json(found) | {"repeats": None}


@settings(max_examples=40)
@given(held=HELD, axes=AXES, order=st.randoms(use_true_random=False))
def test_order_and_copies_change_nothing(held, axes, order):
    once = list({completion_id(one): one for one in reversed(held)}.values())
    copies = once * 3
    order.shuffle(copies)
    found = tally(copies, axes=axes)
    assert told(found) == told(tally(once, axes=axes))
    assert found.repeats == 2 * len(once)


@settings(max_examples=40)
@given(held=HELD, axes=AXES)
def test_the_rows_sum_to_the_total_whatever_they_are_grouped_by(held, axes):
    found, by_tenant = tally(held, axes=axes), tally(held, axes=["tenant"])
    assert as_json(found)["total"] == as_json(by_tenant)["total"]
    assert sum((row.sums.counts for row in found.rows), Counter()) == +found.total.counts
    for name in ("cost", "wasted"):
        for currency, amount in getattr(found.total, name).items():
            assert sum(getattr(row.sums, name).get(currency, 0) for row in found.rows) == amount


@settings(max_examples=40)
@given(held=HELD)
def test_nothing_is_lost_or_made_up(held):
    once = list({completion_id(one): one for one in reversed(held)}.values())
    total = tally(once, axes=["model"]).total.counts
    assert total["requests"] == len(once) == total["succeeded"] + total["failed"] + total["rejected"]
    assert total["input_tokens"] == sum(one.usage.input_tokens for one in once)
    assert total["output_tokens"] == sum(one.usage.output_tokens for one in once)
    assert total["input_tokens"] == total["input_unsplit"] + sum(total[f"input_{name}"] for name in INPUTS)
    assert total["output_tokens"] == total["output_unsplit"] + sum(total[f"output_{name}"] for name in OUTPUTS)
    assert all(total[name] >= 0 for name in COUNTS)
    assert total["estimated_tokens"] <= total["input_tokens"] + total["output_tokens"]
    assert total["wasted_tokens"] <= total["input_tokens"] + total["output_tokens"]


@settings(max_examples=40)
@given(held=HELD, axes=AXES)
def test_every_form_says_the_same(held, axes):
    found = tally(held, axes=axes)
    lines = list(csv.DictReader(io.StringIO(as_csv(found))))
    told_rows = as_json(found)["rows"]
    assert len(lines) == len(told_rows) == as_table(found).row_count
    for line, row in zip(lines, told_rows, strict=True):
        assert {name: int(line[name]) for name in COUNTS} == {name: row[name] for name in COUNTS}
        for currency, amount in row["cost"].items():
            assert Decimal(line[f"cost_{currency.lower()}"]) == Decimal(amount)


def test_a_label_that_a_spreadsheet_would_run_is_made_inert():
    found = tally([done("a", attempt(1), labels={"x": "=cmd()"})], axes=["label:x"])
    assert as_csv(found).splitlines()[1].startswith("'=cmd(),1,1,")


def published(one):
    return encode_completed(
        one, result_json=json.dumps(one.result).encode(), event_id=completion_id(one), source="/w", time=NOON, key=None
    )


@pytest.mark.asyncio(loop_scope="session")
async def test_the_command_counts_each_request_of_the_topic_once(stack, unique):
    one = done(f"{unique}-1", attempt(1, "stream_cut", spent=CUT), attempt(2), tenant=f"t{unique}")
    other = done(f"{unique}-2", attempt(1), tenant=f"t{unique}", labels={"shop": "42"})
    async with publishing(kafka(stack.environment)) as send:
        for record in (published(one), published(other), published(one), published(one)):
            await send(record)
        await send(KafkaRecord(topic=topics.COMPLETED, key=None, value=b"rubbish"))
    code, out, err = await run_command("tally", "--by", "tenant", "--json", environment=stack.environment)
    assert code == 0
    assert "no completions and were left out" in err
    mine = next(row for row in json.loads(out)["rows"] if row["tenant"] == f"t{unique}")
    assert (mine["requests"], mine["succeeded"], mine["calls"]) == (2, 2, 3)
    assert (mine["cost"], mine["wasted"], mine["wasted_tokens"]) == ({"CNY": "0.03"}, {"CNY": "0.01"}, 420)
    code, again, _ = await run_command(
        "tally", "--by", "tenant", "--by", "label:shop", "--csv", environment=stack.environment
    )
    lines = [line for line in csv.DictReader(io.StringIO(again)) if line["tenant"] == f"t{unique}"]
    assert [(line["label_shop"], line["requests"]) for line in lines] == [("-", "1"), ("42", "1")]
    code, table, _ = await run_command(
        "tally", "--since", (NOON - timedelta(days=1)).isoformat(), environment=stack.environment
    )
    assert (code, "plus" in table) == (0, True)
    code, nothing, _ = await run_command("tally", "--until", "2000-01-01T00:00:00Z", environment=stack.environment)
    assert (code, nothing.strip()) == (0, "no completions in that span")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "colour"], "'colour' is none of"),
        (["--json", "--csv"], "give one"),
        (["--since", "soon"], "'soon' is neither"),
    ],
)
async def test_misuse_is_answered_in_one_line(arguments, said):
    code, _, err = await run_command("tally", *arguments, environment={})
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
