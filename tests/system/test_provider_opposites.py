"""Where docs/provider-assumptions.md may be wrong: the worker survives the opposite, and counts it.

What was paid is compared with the simulator's own log of calls, and the money with prices that are typed again here.
"""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
import pytest_asyncio
from PIL import Image

# CNY a token, qwen3.5-omni-plus in Beijing, text and pictures (help.aliyun.com model-pricing, mid-2026).
INPUT, OUTPUT = Decimal(7) / 1_000_000, Decimal(40) / 1_000_000


@pytest.fixture
def picture(bucket, unique):
    """A small photograph of its own in the bucket, as a media item."""
    data = io.BytesIO()
    Image.new("RGB", (320, 240), (200, 80, 40)).save(data, "JPEG")
    return {"kind": "image", **bucket.upload(f"opposites/{unique}.jpg", data.getvalue())}


@pytest_asyncio.fixture
async def asked(shared_worker, wire, simulator, unique):
    """A function: the completion of a request under a rule, and the simulator's calls for it.

    The rule is for that request alone; the next one must succeed, from the same process.
    """

    async def ask(do, *, times=None, **request):
        match = {"contains": unique} | ({"times": times} if times else {})
        await simulator.play({"match": match, "do": do})
        await wire.publish({"request_id": unique, "instruction": f"Say {unique}."} | request)
        completion = (await wire.completion(unique)).data
        calls = await simulator.calls_with(unique)
        name = unique[::-1]  # without `unique`, so that the rule does not apply
        await wire.publish({"request_id": name, "instruction": f"Say {name}."})
        assert (await wire.completion(name)).data.outcome == "succeeded"
        assert shared_worker.exit_code is None
        assert len(wire.completions(unique)) == 1
        return completion, calls

    return ask


def cost_of(usage):
    return usage["prompt_tokens"] * INPUT + usage["completion_tokens"] * OUTPUT


def assert_counted(completion, calls):
    """Every call is an attempt; what the provider reported is what the completion says, to the token and the price.

    For a call that was refused the provider counts nothing, and so do we.
    """
    assert len(completion.attempts) == len(calls) == completion.usage.calls
    for attempt, call in zip(completion.attempts, calls, strict=True):
        usage = call["usage"] or {"prompt_tokens": 0, "completion_tokens": 0}
        assert (call["usage"] is None) == (call["status"] == "refused")
        assert attempt.usage.input_tokens == usage["prompt_tokens"]
        assert attempt.usage.output_tokens == usage["completion_tokens"]
        assert attempt.basis == "reported"
        assert Decimal(attempt.cost.amount) == cost_of(usage)
    assert completion.usage.input_tokens == sum(attempt.usage.input_tokens for attempt in completion.attempts)
    assert completion.usage.output_tokens == sum(attempt.usage.output_tokens for attempt in completion.attempts)
    assert completion.usage.estimated.calls == 0
    assert Decimal(completion.cost.amount) == sum(Decimal(attempt.cost.amount) for attempt in completion.attempts)
    assert completion.cost.currency == "CNY"


async def test_json_mode_refused_is_survived(asked):
    completion, calls = await asked({"fault": "json_mode_refused"})
    assert completion.outcome == "succeeded"
    assert [call["parameters"].get("response_format") for call in calls] == [{"type": "json_object"}, None]
    assert [attempt.outcome for attempt in completion.attempts] == ["provider_refused", "succeeded"]
    assert_counted(completion, calls)
    assert Decimal(completion.cost.amount) > 0


async def test_missing_usage_is_counted_as_estimated(asked, picture):
    completion, calls = await asked({"fault": "missing_usage"}, media=[picture])
    assert completion.outcome == "succeeded"
    assert (completion.usage.calls, completion.usage.estimated.calls, len(calls)) == (1, 1, 1)
    assert completion.usage.estimated.input_tokens == completion.estimate.input_tokens
    assert completion.usage.estimated.output_tokens == completion.usage.output_tokens
    assert completion.attempts[0].basis == "estimated"
    # Nobody was told what was billed: the estimate may be too high, never too low.
    billed = calls[0]["billed"]
    assert calls[0]["usage"] is None
    assert completion.usage.input_tokens >= billed["input_tokens"] > 0
    assert completion.usage.output_tokens >= billed["output_tokens"] > 0
    assert Decimal(completion.cost.amount) >= billed["input_tokens"] * INPUT + billed["output_tokens"] * OUTPUT


async def assert_refused(asked, do, row, **request):
    """A failure under the provider's own status and code, after one call, that costs nothing and is not tried again."""
    completion, calls = await asked(do, **request)
    assert [(call["status"], call["error"]["row"]) for call in calls] == [("refused", f"refusal/{row}")]
    refusal, error = calls[0]["error"], completion.error
    assert (completion.outcome, error.code, error.stage) == ("failed", "provider_refused", "ask")
    assert (error.http_status, error.provider_code) == (refusal["status"], refusal["code"])
    assert refusal["message"].strip() in error.message  # the provider's words reach who has to act on them
    assert error.retryable is False
    assert [attempt.outcome for attempt in completion.attempts] == ["provider_refused"]
    assert_counted(completion, calls)
    assert (completion.usage.total_tokens, Decimal(completion.cost.amount)) == (0, 0)


async def test_an_unknown_400_text_is_a_named_failure(asked):
    await assert_refused(asked, {"fault": "unknown_400"}, "unknown_400")


async def test_an_input_too_long_for_the_provider_is_a_named_failure(asked, picture):
    await assert_refused(asked, {"fault": "refuse", "row": "input_length"}, "input_length", media=[picture])


async def test_an_output_limit_below_ours_is_a_named_failure(asked, picture):
    await assert_refused(asked, {"fault": "refuse", "row": "max_tokens_range"}, "max_tokens_range", media=[picture])


async def test_a_body_too_large_for_the_provider_is_a_named_failure(asked, picture):
    await assert_refused(asked, {"fault": "refuse", "row": "body_too_large"}, "body_too_large", media=[picture])


async def test_a_picture_that_only_the_provider_refuses_is_a_named_failure(asked, picture):
    await assert_refused(asked, {"fault": "refuse", "row": "image_size"}, "image_size", media=[picture])


async def test_a_content_type_that_the_fetcher_refuses_is_a_named_failure(asked, picture):
    await assert_refused(asked, {"fault": "refuse", "row": "content_type"}, "content_type", media=[picture])


async def test_token_counts_unlike_the_estimate_are_reported_as_they_came(asked, picture):
    usage = {"prompt_tokens": 12_345, "completion_tokens": 67, "total_tokens": 12_412}
    completion, calls = await asked({"usage": usage}, media=[picture])
    assert completion.outcome == "succeeded"
    assert [call["usage"] for call in calls] == [usage]
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (12_345, 67)
    assert (completion.usage.calls, completion.usage.estimated.calls) == (1, 0)
    assert completion.estimate.input_tokens != 12_345
    # No split by modality was reported: unknown is null, and what it may have cost is priced from above.
    split = completion.usage.input
    assert (split.text, split.image, split.video, split.audio) == (None, None, None, None)
    assert Decimal(completion.cost.amount) >= cost_of(usage)


async def test_retry_after_is_honoured(asked):
    completion, calls = await asked({"fault": "throttle_requests", "retry_after_seconds": 2}, times=1)
    assert completion.outcome == "succeeded"
    assert [call["http_status"] for call in calls] == [429, 200]
    assert [attempt.outcome for attempt in completion.attempts] == ["provider_throttled", "succeeded"]
    assert calls[1]["at"] - calls[0]["at"] >= 2
    assert_counted(completion, calls)


async def test_headers_that_come_late_count_as_time_to_the_first_token(asked):
    completion, calls = await asked({"fault": "slow_header", "first_token_seconds": 1.0})
    assert completion.outcome == "succeeded"
    timings = completion.timings
    assert timings.total_seconds >= timings.first_token_seconds >= 1.0 > timings.stream_seconds
    assert_counted(completion, calls)


# The models of the catalogue that cannot think, and one that can be told not to in another way.
@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("qwen3.5-omni-plus", {}),
        ("qwen3.5-omni-flash", {}),
        ("qwen-omni-turbo", {}),
        ("qwen2.5-omni-7b", {}),
        ("qwen3.8-omni-flash", {"reasoning_effort": "none"}),
    ],
)
async def test_enable_thinking_is_not_sent_to_a_model_that_cannot_think(asked, model, sent):
    completion, calls = await asked({}, model={"name": model})
    assert (completion.outcome, completion.model) == ("succeeded", model)
    assert [call["model"] for call in calls] == [model]
    parameters = calls[0]["parameters"]
    assert {name: parameters[name] for name in parameters if "think" in name or "reasoning" in name} == sent
    assert completion.usage.input_tokens == calls[0]["usage"]["prompt_tokens"]
    assert completion.usage.output_tokens == calls[0]["usage"]["completion_tokens"]
    # A model without a price in this region costs an unknown sum, and says so.
    warned = "price_unknown" in {warning.code for warning in completion.warnings}
    assert warned if completion.cost is None else Decimal(completion.cost.amount) > 0


# The free rung of the ladder: the one whole document inside is the answer, its text unchanged.
@pytest.mark.parametrize("fault", ["prose_around_json", "fenced_json"])
async def test_prose_around_json_is_survived(asked, fault):
    completion, calls = await asked({"fault": fault})
    assert (completion.outcome, completion.error) == ("succeeded", None)
    assert isinstance(completion.result, dict)
    assert [(attempt.outcome, attempt.reason) for attempt in completion.attempts] == [("succeeded", None)]
    assert len(calls) == 1
    assert_counted(completion, calls)
    assert Decimal(completion.cost.amount) > 0
