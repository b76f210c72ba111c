"""Another model of the request's own list is asked when the first one is in trouble, and the bill names both."""

from __future__ import annotations

PLUS, FLASH, OLDER = "qwen3.5-omni-plus", "qwen3.5-omni-flash", "qwen3-omni-flash"


def asking(unique, **model):
    return {"request_id": unique, "instruction": f"Say {unique}.", "model": model}


async def test_a_model_that_is_down_is_left_for_its_fallback(shared_worker, wire, simulator, unique):
    await simulator.play({"match": {"model": PLUS}, "do": {"fault": "unavailable"}})
    await wire.publish(asking(unique, name=PLUS, fallbacks=[FLASH]))
    data = (await wire.completion(unique)).data
    assert (data.outcome, data.model) == ("succeeded", FLASH)
    assert [(one.model, one.outcome) for one in data.attempts] == [(PLUS, "provider_down")] * 3 + [(FLASH, "succeeded")]
    assert data.usage.calls == len(await simulator.calls_with(unique))


async def test_an_open_breaker_sends_requests_to_their_fallback_at_once(shared_worker, wire, simulator, unique):
    await simulator.play({"match": {"model": PLUS}, "do": {"fault": "unavailable"}})
    for number in range(4):
        await wire.publish(asking(f"{unique}-{number}", name=PLUS, fallbacks=[FLASH]))
        data = (await wire.completion(f"{unique}-{number}")).data
        assert (data.outcome, data.model) == ("succeeded", FLASH)
    refused = [call for call in await simulator.calls_with(unique) if call["model"] == PLUS]
    assert len(refused) < 4 * 3, "the breaker kept most of them from asking"


async def test_what_is_wrong_with_the_request_is_not_asked_of_another_model(shared_worker, wire, simulator, unique):
    await simulator.play({"match": {"contains": unique}, "do": {"fault": "content_filtered"}})
    # A model whose breaker no other test opened.
    await wire.publish(asking(unique, name=OLDER, fallbacks=[FLASH]))
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.error_code) == ("failed", "content_filtered")
    assert {call["model"] for call in await simulator.calls_with(unique)} == {OLDER}
