"""llmock, a server that we did not write: it makes JSON by the schema, breaks answers, and judges its client.

Its verdict fails a client that takes half a stream for an answer, retries what cannot succeed, or comes back before
`Retry-After`.
"""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from analysis_devstack.ports import PortLease
from analysis_worker.answers.schemas import compile_schema
from tests.processes import until
from tests.real.model_servers import run_llmock
from tests.simulator.samples import clip
from tests.system.harness_worker import WorkerProcess

pytestmark = pytest.mark.real_only("make test-real installs the servers of others")

CARDS = Path(__file__).with_name("foreign_models.toml")
BY_SCHEMA, BY_MODE, BY_PROMPT = "foreign-by-schema", "foreign", "foreign-by-prompt"
# A stall of llmock's is longer than the worker waits for a chunk.
CHUNK_SECONDS, STALL_SECONDS = 1, 4
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 3, "maxLength": 40},
        "kind": {"enum": ["still", "moving"]},
        "scores": {"type": "array", "minItems": 3, "items": {"type": "number", "minimum": 0, "maximum": 1}},
        "seen": {
            "type": "object",
            "properties": {"people": {"type": "integer", "minimum": 2}, "place": {"type": ["string", "null"]}},
            "required": ["people", "place"],
            "additionalProperties": False,
        },
    },
    "required": ["title", "kind", "scores", "seen"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def port():
    with PortLease() as lease:
        yield lease.take()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(fresh_stack, port, tmp_path_factory):
    """One worker for the module; whichever server runs on the port is its provider."""
    overrides = {
        "MODEL_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "MODEL_API_KEY": "sk-anything",
        "MODEL_NAME": BY_SCHEMA,
        "MODEL_CATALOGUE_FILE": str(CARDS),
        "MODEL_CHUNK_SECONDS": str(CHUNK_SECONDS),
        "WORKER_MAX_ATTEMPTS": "10",
    }
    process = WorkerProcess(fresh_stack, tmp_path_factory.mktemp("worker"), overrides=overrides).start()
    try:
        yield await process.wait_ready()
        assert await process.stop() == 0
    finally:
        process.kill()


@pytest_asyncio.fixture
async def llmock(port, tmp_path):
    async with run_llmock(tmp_path, port=port) as server:
        yield server


@pytest.fixture
def picture(bucket, unique):
    data = io.BytesIO()
    Image.new("RGB", (320, 240), (200, 80, 40)).save(data, "JPEG")
    return {"kind": "image", **bucket.upload(f"llmock/{unique}.jpg", data.getvalue())}


@pytest.fixture
def film(bucket, unique):
    return {"kind": "video", **bucket.upload(f"llmock/{unique}.mp4", clip(3, 64, 64), content_type="video/mp4")}


async def asked(wire, name, *, seconds=30.0, **fields):
    """The completion of a request; its words hold its name, so that the server's requests can be told apart."""
    await wire.publish({"request_id": name, "instruction": f"Tell {name}."} | fields)
    return (await wire.completion(name, seconds=seconds)).data


def assert_billed(done):
    """2 EUR a million tokens in, 3 out, of all attempts together."""
    usage = done.usage
    assert Decimal(done.cost.amount) == (2 * usage.input_tokens + 3 * usage.output_tokens) / Decimal(10**6)
    assert (done.cost.currency, usage.calls) == ("EUR", len(done.attempts))


async def test_a_schema_beside_the_messages_is_answered_by_it(worker, wire, llmock, picture, unique):
    done = await asked(wire, unique, media=[picture], output_schema=SCHEMA)
    assert (done.outcome, done.error, done.model) == ("succeeded", None, BY_SCHEMA)
    assert done.result.keys() == SCHEMA["properties"].keys()
    [call] = await llmock.calls_with(unique)
    assert call["body"]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }
    # The schema travels once.
    assert "maxLength" not in json.dumps(call["body"]["messages"])
    assert [part["type"] for part in call["body"]["messages"][-1]["content"]] == ["image_url", "text"]
    assert done.usage.output_tokens > 0
    assert_billed(done)
    code, words = await llmock.report("--strict")
    assert code == 0, words


@pytest.mark.parametrize("profile", ["describe", "moderation", "product_video", "storyline", "subtitles"])
async def test_our_profiles_are_answered_by_their_own_schema(worker, wire, llmock, film, unique, profile):
    done = await asked(wire, unique, profile=profile, media=[film])
    assert (done.outcome, done.error, done.profile.name) == ("succeeded", None, profile)
    [call] = await llmock.calls_with(unique)
    assert call["body"]["response_format"]["json_schema"]["strict"] is True


async def test_json_mode_is_answered_with_an_object(worker, wire, llmock, unique):
    said = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
    done = await asked(wire, unique, model={"name": BY_MODE}, output_schema=said)
    assert (done.outcome, done.error) == ("succeeded", None)
    [call] = await llmock.calls_with(unique)
    assert call["body"]["response_format"] == {"type": "json_object"}
    assert_billed(done)


async def test_a_plain_answer_is_taken_and_prose_is_not(worker, wire, llmock, unique):
    await llmock.script({"type": "reply", "text": '{"answer": "It is so."}'})
    done = await asked(wire, unique, model={"name": BY_PROMPT})
    assert (done.outcome, done.result) == ("succeeded", {"answer": "It is so."})
    [call] = await llmock.calls_with(unique)
    assert "response_format" not in call["body"]
    prose = f"{unique}-prose"
    done = await asked(wire, prose, model={"name": BY_PROMPT})
    assert (done.outcome, done.error.code) == ("failed", "answer_not_json")


FAULTS = {
    "provider_throttled": {"type": "fail", "status": 429, "retry_after": 1.5},
    "provider_unavailable": {"type": "fail", "status": 500},
    "provider_down": {"type": "fail", "status": 503},
    "stream_cut": {"type": "stream_fault", "kind": "disconnect", "after_chunks": 3},
    "stream_cut by an end that is no end": {"type": "stream_fault", "kind": "truncate", "after_chunks": 3},
    "stream_stalled": {"type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": STALL_SECONDS},
    "provider_unavailable after a chunk that is no JSON": {
        "type": "stream_fault",
        "kind": "malformed",
        "after_chunks": 3,
    },
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_costs_one_attempt_and_is_made_good(worker, wire, llmock, unique, name):
    await llmock.script(FAULTS[name])
    done = await asked(wire, unique, output_schema=SCHEMA)
    assert (done.outcome, done.error) == ("succeeded", None)
    assert [attempt.outcome for attempt in done.attempts] == [name.partition(" ")[0], "succeeded"]
    assert len(await llmock.calls_with(unique)) == 2
    broken, whole = done.attempts
    assert whole.basis == "reported"
    # What a broken stream brought is counted as well as can be; a refusal costs nothing.
    assert (broken.usage.output_tokens > 0) == (FAULTS[name]["type"] == "stream_fault")
    assert_billed(done)
    # To llmock a stream with a bad chunk ended well, so that it takes our second call for another one's first.
    code, words = await llmock.report(*() if "no JSON" in name else ["--strict"])
    assert code == 0, words


async def test_a_server_that_breaks_one_answer_in_four_gets_every_request_done(worker, wire, port, tmp_path, unique):
    kinds = ("disconnect", "truncate", "stall", "malformed")
    options = ["--error-rate", "429=0.1", "--stream-stall-seconds", str(STALL_SECONDS)]
    options += [option for kind in kinds for option in ("--stream-fault", f"{kind}=0.04")]
    names = [f"{unique}-{number:02d}" for number in range(40)]
    async with run_llmock(tmp_path, port=port, options=options) as llmock:
        for name in names:
            await wire.publish({"request_id": name, "instruction": f"Tell {name}.", "output_schema": SCHEMA})
        # Three bad answers in a row send a request to the first retry topic, half a minute.
        await until(lambda: all(wire.completions(name) for name in names), seconds=150, what="every completion")
        seen = await llmock.ask("GET", "requests")
        done = {name: wire.completions(name)[0].data for name in names}
        code, words = await llmock.report()
    assert {one.outcome for one in done.values()} == {"succeeded"}
    assert all(len(wire.completions(name)) == 1 for name in names)
    for name in names:
        # What the server was asked is what the event says that it was asked, call for call.
        calls = [one for one in seen["requests"] if name in json.dumps(one["body"])]
        assert len(calls) == len(done[name].attempts)
        # A fault that comes after the finish reason leaves the answer whole: then it holds, and is not paid for again.
        last = calls[-1]["fault"]
        assert last is None or last.startswith("stream:")
        assert (done[name].finish_reason, compile_schema(SCHEMA).faults(done[name].result)) == ("stop", ())
    assert any(one["fault"] for one in seen["requests"])
    assert code == 0, words
