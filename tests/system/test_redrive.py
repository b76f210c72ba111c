"""What redrive puts back goes down the line again: an answered request is not paid twice, a failed one becomes a new one."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from media_contracts import Identity
from media_contracts.topics import REQUESTED
from tests.cli.stand_in import run_command
from tests.processes import until


def identity(unique, *, source, rerun):
    return Identity(tenant=f"t-{unique}", source=source, request_id=unique, rerun=rerun).completion_id()


def failing_first(unique, **do):
    return {"match": {"contains": unique, "nth": 1}, "do": do}


@pytest.mark.parametrize("mode", ["binary", "structured", "plain"])
async def test_a_failed_request_is_asked_again_under_a_new_id(shared_worker, stack, wire, simulator, unique, mode):
    await simulator.play(failing_first(unique, fault="content_filtered"))
    # A tenant of its own: what other modules' requests left in the ledger, broken on purpose or not, is none of ours.
    data = json.dumps(
        {"request_id": unique, "tenant": f"t-{unique}", "instruction": f"Say {unique}.", "labels": {"rerun": unique}}
    )
    source = f"urn:kafka:{REQUESTED}" if mode == "plain" else "/tests"
    attributes = {"specversion": "1.0", "type": REQUESTED, "source": source, "id": f"e-{unique}"}
    value, headers = data, []
    if mode == "binary":
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    elif mode == "structured":
        value, headers = (
            json.dumps(attributes)[:-1] + f', "data": {data}}}',
            [("content-type", b"application/cloudevents+json")],
        )
    await wire.publish_raw(value.encode(), key=unique.encode(), headers=headers)
    first = await wire.completion(unique)
    assert (first.data.outcome, first.data.error.code) == ("failed", "content_filtered")
    assert first.event.event_id == identity(unique, source=source, rerun=0)

    since = first.data.completed_at.isoformat()
    choice = ("--failed", "--tenant", f"t-{unique}", "--code", "content_filtered", "--since", since, "--json")
    for _ in range(2):  # asked for twice, asked once
        code, out, wrong = await run_command("redrive", *choice, "--yes", environment=stack.environment)
        assert (code, [json.loads(line)["request_id"] for line in out.splitlines()]) in ((0, [unique]), (0, [])), wrong
    again = await wire.completion(unique, count=2)
    assert again.data.outcome == "succeeded"
    assert again.event.event_id == identity(unique, source=source, rerun=1)
    assert (again.data.request.rerun, again.data.labels) == (1, {"rerun": unique})
    assert again.data.request.event_id == (None if mode == "plain" else f"e-{unique}")
    assert len(await simulator.calls_with(unique)) == 2

    # It is cured: there is nothing more to ask.
    code, out, wrong = await run_command("redrive", *choice, "--yes", environment=stack.environment)
    assert (code, out) == (0, "")
    assert "no request is chosen" in wrong
    assert shared_worker.exit_code is None


async def test_a_conflict_that_is_put_back_changes_nothing_about_the_answer(
    shared_worker, stack, wire, simulator, unique
):
    """A dead letter of a valid record: put back it dies again, and nobody is asked."""
    for text in ("one", "another"):
        await wire.publish({"request_id": unique, "instruction": f"Say {unique} {text}."})
        if text == "one":
            await wire.completion(unique)
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    at = letter.header("dead-letter-at")
    choice = ("--reason", "request_conflict", "--since", at, "--yes")
    code, _, wrong = await run_command("redrive", *choice, environment=stack.environment)
    assert (code, wrong) == (0, "")

    def letters():
        return [one for one in wire.dead_letters() if one.key == unique.encode()]

    await until(lambda: len(letters()) == 2, seconds=30, what="the second dead letter")
    first, second = letters()
    assert (second.value, second.header("dead-letter-reason")) == (first.value, "request_conflict")
    # Our headers of the first round are gone: it has them once.
    assert max(Counter(name for name, _ in second.headers).values()) == 1
    assert len(await simulator.calls_with(unique)) == 1
    assert len(wire.completions(unique)) == 1
    assert shared_worker.exit_code is None
