"""Rubbish that parses: no request and no answer stops a worker, and each ends by a name."""

from __future__ import annotations

import json

import pytest

from media_contracts.topics import REQUESTED
from tests.processes import until

EVENT = {"ce_specversion": "1.0", "ce_type": REQUESTED, "ce_source": "/tests", "content-type": "application/json"}


def headers_of(unique):
    return [(name, value.encode()) for name, value in (EVENT | {"ce_id": unique}).items()]


async def assert_next_completes(wire, unique, partition):
    name = f"{unique}-next"
    value = json.dumps({"request_id": name, "instruction": "Say it."}).encode()
    await wire.publish_raw(value, key=name.encode(), headers=headers_of(name), partition=partition)
    assert (await wire.completion(name)).data.outcome == "succeeded"


HOSTILE_REQUESTS = {
    "an integer beyond 2^53 in an unknown field": rb'{"request_id": "%s", "instruction": "x", "new": 123456789012345678901}',
    "a number beyond every float": rb'{"request_id": "%s", "instruction": "x", "new": 1e400}',
    "half a surrogate pair": rb'{"request_id": "%s", "instruction": "\ud800"}',
    "half a surrogate pair in an unknown field": rb'{"request_id": "%s", "instruction": "x", "new": "\udfff"}',
    "nesting 100,000 deep": rb'{"request_id": "%s", "instruction": "x", "new": '
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}",
    "a duplicate key": rb'{"request_id": "%s", "request_id": "other", "instruction": "x"}',
}


@pytest.mark.parametrize("value", HOSTILE_REQUESTS.values(), ids=HOSTILE_REQUESTS)
async def test_a_hostile_request_ends_and_the_next_completes(shared_worker, wire, unique, value):
    key = unique.encode()
    await wire.publish_raw(value.replace(b"%s", key), key=key, headers=headers_of(unique), partition=4)
    await until(lambda: wire.dead_letters(lambda one: one.key == key) or wire.completions(unique), what=unique)
    await assert_next_completes(wire, unique, 4)


HOSTILE_ANSWERS = {
    "a number beyond every float": ('{"x": 1e400}', ("answer_not_json", "answer_wrong_shape")),
    "an integer beyond 2^53": ('{"x": 12345678901234567890}', ("answer_wrong_shape",)),
    "a duplicate key": ('{"x": 1, "x": 2}', ("answer_wrong_shape",)),
    "NaN": ('{"x": NaN}', ("answer_not_json",)),
    "half a surrogate pair": ('{"x": "\\ud800"}', ("answer_not_json", "answer_wrong_shape", None)),
    "deep nesting": ('{"x": ' + "[" * 5000 + "]" * 5000 + "}", ("answer_not_json", "answer_wrong_shape")),
    "two documents": ('{"x": 1} {"x": 2}', ("answer_not_json",)),
    "nothing": ("", ("answer_empty", "stream_cut")),
}


@pytest.mark.parametrize(("text", "codes"), HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
async def test_a_hostile_answer_ends_by_name_and_is_counted(shared_worker, wire, simulator, unique, text, codes):
    await simulator.play({"match": {"contains": unique}, "do": {"text": text}}, chunk_characters=4096)
    request = {"request_id": unique, "instruction": f"Say {unique}.", "output_schema": {"type": "object"}}
    await wire.publish(request | {"model": {"max_output_tokens": 65_536}})
    completion = await wire.completion(unique)
    assert completion.error_code in codes
    assert completion.data.usage.calls >= 1
    await assert_next_completes(wire, unique, 4)
