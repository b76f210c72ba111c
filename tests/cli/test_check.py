"""`media-analysis check` as a process: a line each, a remedy for every fault, exit code 1 when there is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analysis_devstack.topics import TopicSpec, create_topics
from media_analysis.probes import is_private
from tests.cli.stand_in import run_command

if TYPE_CHECKING:
    from pathlib import Path

    from analysis_devstack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAMES = [
    "settings",
    "broker",
    "topics",
    "bucket",
    "conditional writes",
    "public endpoint",
    "ledger life",
    "key",
    "clock",
    "scratch",
    "long media",
]
SMALL = {"WORKER_SCRATCH_BYTES": "1000000"}


async def check(environment: dict[str, str]) -> tuple[int, dict[str, dict[str, object]], str]:
    code, out, wrong = await run_command("check", "--json", environment=environment)
    told = json.loads(out)
    assert told["ok"] is (code == 0)
    return code, {finding["name"]: finding for finding in told["findings"]}, wrong


async def test_the_embedded_stack_is_found_well(stack: Stack) -> None:
    code, out, wrong = await run_command("check", environment=stack.environment | SMALL)
    assert (code, wrong) == (0, "")
    assert [line[7:].split("  ")[0].strip() for line in out.splitlines()] == NAMES
    assert "FAULT" not in out


async def test_every_fault_is_found_at_once_and_has_a_remedy(stack: Stack) -> None:
    broken = stack.environment | {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "S3_RESULTS_BUCKET": "no-such-bucket",
        "MODEL_API_KEY": "",
        "MODEL_REDUCE_NAME": "nobody",
        "WORKER_SCRATCH_BYTES": str(2**60),
    }
    code, findings, wrong = await check(broken)
    assert (code, wrong) == (1, "")
    faults = {name for name, finding in findings.items() if not finding["ok"]}
    assert faults == {"broker", "bucket", "key", "scratch", "long media"}
    assert all(findings[name]["remedy"] for name in faults)


async def test_a_model_without_a_price_that_joins_answers_is_no_fault_and_is_told(stack: Stack, tmp_path: Path) -> None:
    _, findings, _ = await check(stack.environment | SMALL)
    told = findings["long media"]
    assert told["ok"]
    assert "no price is known in beijing" in str(told["seen"])
    own = tmp_path / "own.toml"
    own.write_text(
        '[models."qwen-plus".prices.beijing]\nname = "own"\ncurrency = "CNY"\ninput_text = "1"\noutput_text_after_text = "4"\n'
    )
    _, findings, _ = await check(stack.environment | SMALL | {"MODEL_CATALOGUE_FILE": str(own)})
    assert findings["long media"] == {
        "name": "long media",
        "ok": True,
        "seen": "put together by qwen-plus, priced in beijing",
        "remedy": findings["long media"]["remedy"],
    }


async def test_retry_topics_that_keep_a_copy_for_less_time_than_a_request_is_kept_are_a_fault(stack: Stack) -> None:
    longer = TopicSpec(name="kept-long.requested", partitions=1, configuration={"retention.ms": str(30 * 86_400_000)})
    await create_topics([longer], client={"bootstrap_servers": stack.environment["KAFKA_BOOTSTRAP_SERVERS"]})
    code, findings, _ = await check(stack.environment | {"KAFKA_TENANT_TOPICS": json.dumps({longer.name: "acme"})})
    assert code == 1
    assert not findings["topics"]["ok"]
    assert "media.analysis.retry.30s.v1 keeps a copy for 691200000 ms" in str(findings["topics"]["seen"])
    assert "at least 2592000000" in str(findings["topics"]["remedy"])


async def test_a_store_that_only_we_can_reach_is_a_fault_for_a_model_elsewhere(stack: Stack) -> None:
    code, findings, _ = await check(
        stack.environment | {"MODEL_BASE_URL": "https://model.example.com/v1", "MODEL_API_KEY": ""}
    )
    assert code == 1
    assert "is no public address" in str(findings["public endpoint"]["seen"])


async def test_every_missing_variable_is_a_line() -> None:
    code, out, _ = await run_command("check", environment={})
    assert code == 1
    for name in ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_RESULTS_BUCKET"):
        assert f"{name}: is not set" in out


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000", True),
        ("http://minio:9000", True),
        ("http://10.1.2.3", True),
        ("http://s3.svc", True),
        ("https://s3.example.com", False),
        ("https://8.8.8.8", False),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", False),
    ],
)
async def test_an_address_is_private_when_a_model_elsewhere_cannot_reach_it(url: str, private: bool) -> None:
    assert is_private(url) is private
