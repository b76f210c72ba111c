"""An answer that is not good is asked for again in the cheapest way that may help, within tries, budget and models.

Each step is an attempt of the event with its reason, usage and cost, and what was paid is the simulator's own count.
"""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.system.long_media import talk

PLUS, FLASH = "qwen3.5-omni-plus", "qwen3.5-omni-flash"


@pytest_asyncio.fixture
async def climbed(shared_worker, wire, simulator, unique):
    """A function: the completion of a request whose calls meet a fault, and the simulator's calls for it."""

    async def ask(fault, *, times=None, at_model=None, and_then=None, **request):
        match = {"contains": unique} | ({"times": times} if times else {}) | ({"model": at_model} if at_model else {})
        await simulator.play({"match": match, "do": {"fault": fault}}, *([and_then] if and_then else ()))
        await wire.publish({"request_id": unique, "instruction": f"Say {unique}."} | request)
        completion = (await wire.completion(unique)).data
        calls = await simulator.calls_with(unique)
        usage = completion.usage
        paid = [call["usage"] for call in calls if call["usage"]]
        assert usage.calls == len(calls)
        guessed = usage.estimated
        assert usage.input_tokens - guessed.input_tokens == sum(one["prompt_tokens"] for one in paid)
        assert usage.output_tokens - guessed.output_tokens == sum(one["completion_tokens"] for one in paid)
        return completion, calls

    return ask


def steps(completion):
    return [(one.kind, one.reason, one.outcome, one.model) for one in completion.attempts]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("wrong_shape", "answer_wrong_shape"), ("non_json", "answer_not_json"), ("empty", "answer_empty")],
)
async def test_an_answer_that_cannot_be_used_is_asked_for_again_once_with_what_was_wrong(climbed, fault, outcome):
    completion, calls = await climbed(fault, times=1)
    assert completion.outcome == "succeeded"
    assert steps(completion) == [("analysis", None, outcome, PLUS), ("repair", "faults", "succeeded", PLUS)]
    assert calls[1]["usage"]["prompt_tokens"] > calls[0]["usage"]["prompt_tokens"]


async def test_a_shape_that_stays_wrong_fails_under_its_code(climbed):
    completion, calls = await climbed("wrong_shape")
    assert (completion.outcome, completion.error.code, completion.error.stage) == (
        "failed",
        "answer_wrong_shape",
        "validate",
    )
    assert steps(completion) == [
        ("analysis", None, "answer_wrong_shape", PLUS),
        ("repair", "faults", "answer_wrong_shape", PLUS),
    ]
    assert len(calls) == 2


async def test_the_next_model_is_asked_after_the_cheaper_steps(climbed):
    completion, _ = await climbed("wrong_shape", at_model=PLUS, model={"fallbacks": [FLASH]})
    assert (completion.outcome, completion.model) == ("succeeded", FLASH)
    assert steps(completion) == [
        ("analysis", None, "answer_wrong_shape", PLUS),
        ("repair", "faults", "answer_wrong_shape", PLUS),
        ("analysis", "fallback", "succeeded", FLASH),
    ]


async def test_a_truncated_answer_is_asked_for_with_a_higher_limit(climbed):
    completion, calls = await climbed("length", times=2, model={"max_output_tokens": 300})
    assert completion.outcome == "succeeded"
    assert [call["parameters"]["max_tokens"] for call in calls] == [300, 1024, 2048]
    assert steps(completion) == [
        ("analysis", None, "answer_truncated", PLUS),
        ("repair", "longer", "answer_truncated", PLUS),
        ("repair", "longer", "succeeded", PLUS),
    ]


async def test_bad_answers_and_broken_calls_together_are_no_more_than_the_tries(climbed, unique):
    rule = {"match": {"contains": unique}, "do": {"fault": "cut"}}
    completion, calls = await climbed("length", times=3, model={"max_output_tokens": 300}, and_then=rule)
    assert (completion.outcome, completion.error.code) == ("failed", "stream_cut")
    assert [step[2] for step in steps(completion)] == ["answer_truncated"] * 3 + ["stream_cut"] * 2
    assert len(calls) == 5


async def test_a_model_without_a_higher_limit_hands_over(climbed):
    most = {"max_output_tokens": 65_536, "fallbacks": [FLASH]}
    completion, _ = await climbed("length", at_model=PLUS, model=most)
    assert steps(completion) == [
        ("analysis", None, "answer_truncated", PLUS),
        ("analysis", "fallback", "succeeded", FLASH),
    ]


async def test_a_budget_that_pays_for_one_answer_buys_no_second(climbed):
    # An answer of 100 tokens is 0.004 CNY, the question about 0.002.
    cost = {"amount": "0.0072", "currency": "CNY"}
    completion, calls = await climbed("length", model={"max_output_tokens": 100}, limits={"max_cost": cost})
    assert (completion.outcome, completion.error.code) == ("failed", "answer_truncated")
    assert completion.result is None
    assert len(calls) == 1, completion.attempts


async def test_a_recording_whose_answer_is_too_long_is_asked_about_in_pieces(climbed, bucket, unique):
    medium = {"kind": "audio", **bucket.upload(f"ladder/{unique}.wav", talk(100), content_type="audio/wav")}
    most = {"max_output_tokens": 65_536}
    completion, _ = await climbed("length", times=1, model=most, media=[medium], profile="subtitles")
    assert (completion.outcome, completion.coverage, len(completion.segments)) == ("succeeded", "complete", 2)
    assert steps(completion) == [
        ("analysis", None, "answer_truncated", PLUS),
        ("segment", "less_media", "succeeded", PLUS),
        ("segment", "less_media", "succeeded", PLUS),
    ]
    starts = [cue["start_seconds"] for cue in completion.result["cues"]]
    assert starts == pytest.approx([0, 20, 40, 60, 80], abs=0.1)
