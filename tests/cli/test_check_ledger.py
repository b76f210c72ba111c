"""`media-analysis check` and the ledger's life: at least the longest retention of the topics and a day."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from minio.commonconfig import DISABLED, ENABLED, AndOperator, Filter, Tags
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig, Rule

from analysis_devstack.lifecycle import ledger_days, ledger_rule
from media_analysis.ledger_life import judge
from tests.cli.stand_in import run_command
from tests.system.harness import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis_devstack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
DAY_MS = 86_400_000
COLOUR = Tags()
COLOUR["colour"] = "red"


def rule(days: int | None, *, prefix: str = "ledger/", status: str = ENABLED, **more: Any) -> Rule:
    where = more.pop("where", Filter(prefix=prefix))
    return Rule(status, rule_id="a", rule_filter=where, expiration=Expiration(days=days, **more))


UPLOADS = Rule(
    ENABLED,
    rule_id="u",
    rule_filter=Filter(prefix=""),
    abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=1),
)


@pytest.mark.parametrize(
    ("rules", "ok", "seen"),
    [
        pytest.param([], True, "for ever (needed: 15 days)", id="no rule"),
        pytest.param([rule(15)], True, "15 days", id="long enough"),
        pytest.param([rule(14)], False, "after 14 days", id="too short"),
        pytest.param([rule(30), rule(3, prefix="")], False, "after 3 days", id="the whole bucket too"),
        pytest.param([rule(3, prefix="led")], False, "after 3 days", id="a shorter prefix"),
        pytest.param([rule(3, prefix="ledger/acme/")], False, "after 3 days", id="one tenant's"),
        pytest.param([rule(None, date=datetime(2027, 1, 1, tzinfo=UTC))], False, "after 0 days", id="a date"),
        pytest.param([rule(3, prefix="tmp/")], True, "for ever", id="elsewhere"),
        pytest.param([rule(3, status=DISABLED)], True, "for ever", id="switched off"),
        pytest.param([rule(3, where=Filter(AndOperator("ledger/", COLOUR)))], True, "for ever", id="tagged objects"),
        pytest.param([rule(3, where=Filter(AndOperator("ledger/")))], False, "after 3 days", id="and of one"),
        pytest.param([UPLOADS], True, "for ever", id="unfinished uploads"),
    ],
)
async def test_what_a_buckets_rules_mean(rules: list[Rule], ok: bool, seen: str) -> None:
    found = judge(rules, needed_days=15)
    assert found.ok is ok
    assert seen in found.seen
    assert bool(found.remedy) is not ok


async def test_no_rule_lasts_when_a_topic_keeps_its_records_for_ever() -> None:
    assert judge([], needed_days=None).ok
    assert "remove the rule 'a'" in judge([rule(3650)], needed_days=None).remedy


@pytest.mark.parametrize(
    ("configurations", "days"),
    [
        ([{"retention.ms": str(14 * DAY_MS)}, {"retention.ms": "1"}], 15),
        ([{"retention.ms": str(DAY_MS + 1)}], 3),
        ([{}], 8),
        ([{"retention.ms": "-1"}, {"retention.ms": "5"}], None),
        ([{"retention.ms": "5", "cleanup.policy": "compact"}], None),
        ([{"retention.ms": "5", "cleanup.policy": "compact,delete"}], 2),
    ],
)
async def test_the_longest_retention_and_a_day(configurations: list[dict[str, str]], days: int | None) -> None:
    assert ledger_days(configurations) == days


@pytest.fixture
def rules(stack: Stack) -> Iterator[Bucket]:
    """The results bucket, whose rules are the test's; afterwards they are the stack's again."""
    bucket = Bucket(stack)
    before = bucket.client.get_bucket_lifecycle(bucket.results)
    yield bucket
    if before:
        bucket.client.set_bucket_lifecycle(bucket.results, before)
    else:
        bucket.client.delete_bucket_lifecycle(bucket.results)


async def ledger_life(stack: Stack) -> tuple[int, dict[str, Any]]:
    code, out, _ = await run_command("check", "--json", environment=stack.environment)
    [found] = [finding for finding in json.loads(out)["findings"] if finding["name"] == "ledger life"]
    return code, found


async def test_a_rule_that_is_too_short_is_a_fault_with_a_remedy(stack: Stack, rules: Bucket) -> None:
    await asyncio.to_thread(rules.client.set_bucket_lifecycle, rules.results, ledger_rule(14))
    code, found = await ledger_life(stack)
    assert (code, found["ok"]) == (1, False)
    assert "at least 15 days" in found["remedy"]


async def test_a_rule_of_enough_days_and_none_at_all_are_well(stack: Stack, rules: Bucket) -> None:
    await asyncio.to_thread(rules.client.set_bucket_lifecycle, rules.results, LifecycleConfig([rule(15)]))
    assert (await ledger_life(stack))[1]["seen"] == "15 days (needed: 15 days)"
    await asyncio.to_thread(rules.client.delete_bucket_lifecycle, rules.results)
    code, found = await ledger_life(stack)
    assert (code, found["ok"]) == (0, True)
    assert "for ever" in found["seen"]
