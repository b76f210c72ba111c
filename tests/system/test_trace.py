"""One trace: the requester's span, every stage, every call, the publication and the completion, parent by parent."""

from __future__ import annotations

import io
import secrets

from PIL import Image

from media_contracts.topics import COMPLETED, REQUESTED

SECRET_WORDS = ("Bearer", "X-Amz-Signature", "Describe this secret subject")


def photograph():
    data = io.BytesIO()
    Image.new("RGB", (320, 240), (30, 160, 60)).save(data, "JPEG")
    return data.getvalue()


async def test_the_whole_tree_of_one_request(shared_worker, wire, bucket, spans, unique):
    trace_id, requester = secrets.token_hex(16), secrets.token_hex(8)
    media = [{"kind": "image", **bucket.upload(f"trace/{unique}.jpg", photograph())}]
    request = {"request_id": unique, "media": media, "instruction": SECRET_WORDS[2]}
    await wire.publish(request, traceparent=f"00-{trace_id}-{requester}-01")
    completion = await wire.completion(unique)
    found = await spans.wait_for(trace_id, f"process {REQUESTED}", f"send {COMPLETED}")
    by_id = {span.span_id: span for span in found}
    parents = {
        span.name: by_id[span.parent_span_id].name if span.parent_span_id in by_id else span.parent_span_id
        for span in found
    }
    process = f"process {REQUESTED}"
    assert parents == {
        process: requester,
        "receive": process,
        "recall": process,
        "plan": process,
        "ask": process,
        "fetch": "ask",
        "chat qwen3.5-omni-plus": "ask",
        "validate": "ask",
        "record": process,
        "publish": process,
        f"send {COMPLETED}": "publish",
    }
    assert len(found) == len(parents)
    spans_by_name = {span.name: span for span in found}
    assert completion.data.trace_id == trace_id
    sent = spans_by_name[f"send {COMPLETED}"]
    assert completion.heard.header("traceparent") == f"00-{trace_id}-{sent.span_id}-01"
    assert [link.span_id for link in spans_by_name[process].links] == [requester]
    kinds = {name: str(span.kind).upper() for name, span in spans_by_name.items()}
    assert "CONSUMER" in kinds[process]
    assert "PRODUCER" in kinds[f"send {COMPLETED}"]
    assert "CLIENT" in kinds["chat qwen3.5-omni-plus"]
    chat = spans_by_name["chat qwen3.5-omni-plus"].attributes
    usage = completion.data.usage
    assert (chat["gen_ai.operation.name"], chat["gen_ai.provider.name"]) == ("chat", "alibaba.dashscope")
    assert (chat["gen_ai.request.model"], chat["gen_ai.output.type"]) == ("qwen3.5-omni-plus", "json")
    assert int(chat["gen_ai.usage.input_tokens"]) == usage.input_tokens
    assert int(chat["gen_ai.usage.output_tokens"]) == usage.output_tokens
    assert int(chat["gen_ai.usage.image.input_tokens"]) == usage.input.image
    assert list(chat["gen_ai.response.finish_reasons"]) == ["stop"]
    text = repr([(span.name, span.attributes) for span in found])
    answer = completion.data.result["description"]
    key = shared_worker.environment["MODEL_API_KEY"], shared_worker.environment["S3_SECRET_KEY"]
    for hidden in (*SECRET_WORDS, answer, *key):
        assert hidden not in text
        assert hidden not in shared_worker.stderr


async def test_a_replay_is_linked_to_the_first_trace(shared_worker, wire, spans, unique):
    first, second = secrets.token_hex(16), secrets.token_hex(16)
    request = {"request_id": unique, "instruction": "Say it."}
    await wire.publish(request, traceparent=f"00-{first}-{secrets.token_hex(8)}-01")
    await wire.completion(unique)
    await wire.publish(request, traceparent=f"00-{second}-{secrets.token_hex(8)}-01")
    replay = await wire.completion(unique, count=2)
    assert replay.data.trace_id == first
    assert replay.heard.header("traceparent").split("-")[1] == second
    found = await spans.wait_for(second, f"send {COMPLETED}")
    sent = next(span for span in found if span.name == f"send {COMPLETED}")
    assert [link.trace_id for link in sent.links] == [first]


async def test_every_step_of_the_ladder_is_in_the_trace(shared_worker, wire, simulator, spans, unique):
    trace_id = secrets.token_hex(16)
    await simulator.play({"match": {"contains": unique, "times": 1}, "do": {"fault": "wrong_shape"}})
    request = {"request_id": unique, "instruction": f"Say {unique}."}
    await wire.publish(request, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    attempts = (await wire.completion(unique)).data.attempts
    found = await spans.wait_for(trace_id, f"send {COMPLETED}")
    calls = sorted(
        (int(chat["media_analysis.attempt"]), chat["media_analysis.attempt.kind"], chat.get("error.type"))
        for chat in (span.attributes for span in found if span.name.startswith("chat "))
    )
    assert calls == [(1, "analysis", "answer_wrong_shape"), (2, "repair", None)]
    reasons = {span.attributes.get("media_analysis.attempt.reason") for span in found if span.name.startswith("chat ")}
    assert reasons == {attempt.reason for attempt in attempts} == {None, "faults"}
