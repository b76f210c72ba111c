"""Where docs/provider-assumptions.md may be wrong: the worker survives the opposite, and counts it."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
import pytest_asyncio
from PIL import Image


@pytest.fixture
def picture(bucket, unique):
    """A small photograph of its own in the bucket, as a media item."""
    data = io.BytesIO()
    Image.new("RGB", (320, 240), (200, 80, 40)).save(data, "JPEG")
    return {"kind": "image", **bucket.upload(f"opposites/{unique}.jpg", data.getvalue())}


@pytest_asyncio.fixture
async def asked(shared_worker, wire, simulator, unique):
    """A function: the completion of a request under a rule, and the simulator's calls for it."""

    async def ask(do, *, times=None, **request):
        match = {"contains": unique} | ({"times": times} if times else {})
        await simulator.play({"match": match, "do": do})
        await wire.publish({"request_id": unique, "instruction": f"Say {unique}."} | request)
        completion = (await wire.completion(unique)).data
        return completion, await simulator.calls_with(unique)

    return ask


def assert_counted(completion, calls):
    """Every call is an attempt, and what the provider reported is what the completion says, to the token."""
    assert len(completion.attempts) == len(calls) == completion.usage.calls
    for attempt, call in zip(completion.attempts, calls, strict=True):
        if call["usage"] is not None:
            assert attempt.usage.input_tokens == call["usage"]["prompt_tokens"]
            assert attempt.usage.output_tokens == call["usage"]["completion_tokens"]


async def test_json_mode_refused_is_survived(asked):
    completion, calls = await asked({"fault": "json_mode_refused"})
    assert completion.outcome == "succeeded"
    assert [call["parameters"].get("response_format") for call in calls] == [{"type": "json_object"}, None]
    assert [attempt.outcome for attempt in completion.attempts] == ["provider_refused", "succeeded"]
    assert_counted(completion, calls)


async def test_missing_usage_is_counted_as_estimated(asked, picture):
    completion, calls = await asked({"fault": "missing_usage"}, media=[picture])
    assert completion.outcome == "succeeded"
    assert (completion.usage.calls, completion.usage.estimated.calls, len(calls)) == (1, 1, 1)
    assert completion.usage.estimated.input_tokens == completion.estimate.input_tokens > 0
    assert completion.usage.estimated.output_tokens == completion.usage.output_tokens > 0
    assert completion.attempts[0].basis == "estimated"
    assert Decimal(completion.cost.amount) > 0


async def test_an_unknown_400_text_is_a_named_failure(asked):
    completion, calls = await asked({"fault": "unknown_400"})
    assert (completion.outcome, completion.error.code, completion.error.http_status) == (
        "failed",
        "provider_refused",
        400,
    )
    assert len(calls) == 1
    assert completion.usage.total_tokens == 0


async def refuse(asked, row, picture):
    completion, calls = await asked({"fault": "refuse", "row": row}, media=[picture])
    assert completion.outcome == "failed"
    assert completion.error.code in {"provider_refused", "media_fetch_failed"}
    assert completion.error.stage == "ask"
    assert completion.error.http_status == calls[-1]["http_status"]
    assert completion.usage.total_tokens == 0
    assert completion.usage.calls == len(calls)


async def test_an_input_too_long_for_the_provider_is_a_named_failure(asked, picture):
    await refuse(asked, "input_length", picture)


async def test_an_output_limit_below_ours_is_a_named_failure(asked, picture):
    await refuse(asked, "max_tokens_range", picture)


async def test_a_body_too_large_for_the_provider_is_a_named_failure(asked, picture):
    await refuse(asked, "body_too_large", picture)


async def test_a_picture_that_only_the_provider_refuses_is_a_named_failure(asked, picture):
    await refuse(asked, "image_size", picture)


async def test_a_content_type_that_the_fetcher_refuses_is_a_named_failure(asked, picture):
    await refuse(asked, "content_type", picture)


async def test_token_counts_unlike_the_estimate_are_reported_as_they_came(asked, picture):
    usage = {"prompt_tokens": 12_345, "completion_tokens": 67, "total_tokens": 12_412}
    completion, _ = await asked({"usage": usage}, media=[picture])
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (12_345, 67)
    assert completion.usage.input.image is None
    assert completion.usage.estimated.calls == 0
    assert completion.estimate.input_tokens != 12_345


async def test_retry_after_is_honoured(asked):
    completion, calls = await asked({"fault": "throttle_requests", "retry_after_seconds": 2}, times=1)
    assert completion.outcome == "succeeded"
    assert [attempt.outcome for attempt in completion.attempts] == ["provider_throttled", "succeeded"]
    assert calls[1]["at"] - calls[0]["at"] >= 2
    assert_counted(completion, calls)


async def test_headers_that_come_late_count_as_time_to_the_first_token(asked):
    completion, _ = await asked({"fault": "slow_header", "first_token_seconds": 1.0})
    assert completion.outcome == "succeeded"
    assert completion.timings.first_token_seconds >= 1.0


async def test_enable_thinking_is_not_sent_to_a_model_that_cannot_think(asked):
    completion, calls = await asked({}, model={"name": "qwen3.5-omni-plus"})
    assert completion.outcome == "succeeded"
    assert not {"enable_thinking", "thinking_budget", "reasoning_effort"} & set(calls[0]["parameters"])


async def test_prose_around_json_is_survived(asked):
    completion, calls = await asked({"fault": "prose_around_json"})
    assert (completion.outcome, completion.error.code, completion.error.stage) == (
        "failed",
        "answer_not_json",
        "validate",
    )
    assert_counted(completion, calls)
    assert Decimal(completion.cost.amount) > 0
