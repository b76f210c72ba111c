"""aimock, a server that we did not write: it answers from fixtures, and cuts streams where they say."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from analysis_devstack.ports import PortLease
from tests.real.model_servers import run_aimock
from tests.simulator.samples import clip, recording
from tests.system.harness_worker import WorkerProcess

pytestmark = pytest.mark.real_only("make test-real installs the servers of others")

CARDS = Path(__file__).with_name("foreign_models.toml")
# A word in the question chooses the fixture, its number among the calls with that word the answer.
SAID = "It is said that it is so, and that nothing else is."
WHOLE = json.dumps({"answer": SAID})
FIXTURES = [
    # A chunk is 5 characters; the first is the role's.
    {
        "match": {"userMessage": "Truncate", "sequenceIndex": 0},
        "response": {"content": WHOLE},
        "truncateAfterChunks": 6,
    },
    # 100 ms a chunk: about five of them are out when the connection goes.
    {
        "match": {"userMessage": "Disconnect", "sequenceIndex": 0},
        "response": {"content": WHOLE},
        "latency": 100,
        "disconnectAfterMs": 550,
    },
    {
        "match": {"userMessage": "Throttle", "sequenceIndex": 0},
        "response": {"error": {"message": "Slow down.", "type": "rate_limit_error"}, "status": 429, "retryAfter": 2},
    },
    {"match": {"userMessage": "Fence"}, "response": {"content": f"```json\n{WHOLE}\n```"}},
    {"match": {"userMessage": "Mend", "sequenceIndex": 0}, "response": {"content": '{"answer": 7}'}},
    {
        "match": {"userMessage": "Lengthen", "sequenceIndex": 0},
        "response": {"content": WHOLE[:20], "finishReason": "length"},
    },
    {"match": {"userMessage": "Shape"}, "response": {"content": '{"answer": 7}'}},
    {"match": {"userMessage": "Short"}, "response": {"content": WHOLE[:20], "finishReason": "length"}},
    {
        "match": {"userMessage": "Count"},
        "response": {
            "content": WHOLE,
            "usage": {"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290},
        },
    },
    {"match": {"userMessage": "Tell"}, "response": {"content": WHOLE}},
    *(
        {"match": {"userMessage": word}, "response": {"content": WHOLE}}
        for word in ("Truncate", "Disconnect", "Throttle", "Mend", "Lengthen")
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def aimock(tmp_path_factory):
    with PortLease() as lease:
        async with run_aimock(tmp_path_factory.mktemp("aimock"), port=lease.take(), fixtures=FIXTURES) as server:
            yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(fresh_stack, aimock, tmp_path_factory):
    overrides = {
        # It answers below any prefix, as the provider's own path has one.
        "MODEL_BASE_URL": f"http://127.0.0.1:{aimock.port}/compatible-mode/v1",
        "MODEL_API_KEY": "sk-anything",
        "MODEL_NAME": "foreign",
        "MODEL_CATALOGUE_FILE": str(CARDS),
    }
    process = WorkerProcess(fresh_stack, tmp_path_factory.mktemp("worker"), overrides=overrides).start()
    try:
        yield await process.wait_ready()
        assert await process.stop() == 0
    finally:
        process.kill()


@pytest.fixture
def media(bucket, unique):
    """A medium of each kind."""
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), (200, 80, 40)).save(picture, "JPEG")
    made = {
        "image": ("jpg", picture.getvalue(), "image/jpeg"),
        "audio": ("wav", recording(2), "audio/wav"),
        "video": ("mp4", clip(3, 64, 64), "video/mp4"),
    }
    return [
        {"kind": kind, **bucket.upload(f"aimock/{unique}.{ending}", data, content_type=content_type)}
        for kind, (ending, data, content_type) in made.items()
    ]


async def asked(wire, name, word, **fields):
    """The completion of a question with the word in it."""
    await wire.publish({"request_id": name, "instruction": f"{word} {name}."} | fields)
    return (await wire.completion(name)).data


def assert_billed(done):
    """2 EUR a million tokens in, 3 out, of all attempts together."""
    usage = done.usage
    assert Decimal(done.cost.amount) == (2 * usage.input_tokens + 3 * usage.output_tokens) / Decimal(10**6)
    assert (done.cost.currency, usage.calls) == ("EUR", len(done.attempts))


async def test_media_of_every_kind_go_out_and_the_answer_comes_back_to_the_letter(worker, wire, aimock, media, unique):
    done = await asked(wire, unique, "Tell", media=media, profile="answer")
    assert (done.outcome, done.error, done.result) == ("succeeded", None, {"answer": SAID})
    [call] = await aimock.calls_with(unique)
    parts = call["body"]["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["image_url", "input_audio", "video_url", "text"]
    assert call["response"]["status"] == 200
    assert call["body"]["response_format"] == {"type": "json_object"}
    assert_billed(done)


async def test_what_it_reports_is_what_is_billed(worker, wire, aimock, unique):
    done = await asked(wire, unique, "Count")
    usage = done.usage
    assert (usage.input_tokens, usage.output_tokens, usage.estimated.calls) == (1234, 56, 0)
    assert Decimal(done.cost.amount) == Decimal(2 * 1234 + 3 * 56) / 10**6


@pytest.mark.parametrize(("word", "reason"), [("Truncate", "truncateAfterChunks"), ("Disconnect", "disconnectAfterMs")])
async def test_a_stream_that_it_cuts_is_never_taken_for_the_whole(worker, wire, aimock, unique, word, reason):
    done = await asked(wire, unique, word)
    assert (done.outcome, done.result) == ("succeeded", {"answer": SAID})
    assert [attempt.outcome for attempt in done.attempts] == ["stream_cut", "succeeded"]
    cut, whole = await aimock.calls_with(unique)
    assert (cut["response"]["interruptReason"], whole["response"].get("interrupted")) == (reason, None)
    # Nobody reported what the cut stream cost; it had said something, and that is counted.
    first, second = done.attempts
    assert (first.basis, second.basis) == ("estimated", "reported")
    assert 0 < first.usage.output_tokens < second.usage.output_tokens + first.usage.output_tokens
    assert first.usage.input_tokens > 0
    assert_billed(done)


async def test_a_429_is_waited_out_as_it_asks(worker, wire, aimock, unique):
    done = await asked(wire, unique, "Throttle")
    assert [attempt.outcome for attempt in done.attempts] == ["provider_throttled", "succeeded"]
    first, second = await aimock.calls_with(unique)
    assert second["timestamp"] - first["timestamp"] >= 1000


async def test_json_in_a_fence_is_taken_out_of_it(worker, wire, aimock, unique):
    done = await asked(wire, unique, "Fence")
    assert (done.outcome, done.result, len(done.attempts)) == ("succeeded", {"answer": SAID}, 1)
    assert_billed(done)


@pytest.mark.parametrize(
    ("word", "outcome", "reason"),
    [("Mend", "answer_wrong_shape", "faults"), ("Lengthen", "answer_truncated", "longer")],
)
async def test_an_answer_that_is_not_good_is_asked_for_again(worker, wire, aimock, unique, word, outcome, reason):
    done = await asked(wire, unique, word)
    assert (done.outcome, done.result) == ("succeeded", {"answer": SAID})
    assert [(one.kind, one.outcome, one.reason) for one in done.attempts] == [
        ("analysis", outcome, None),
        ("repair", "succeeded", reason),
    ]
    first, second = (call["body"] for call in await aimock.calls_with(unique))
    told = "/answer" in json.dumps(second["messages"][-1])
    assert (told, second["max_tokens"] > first["max_tokens"]) == (reason == "faults", reason == "longer")
    assert_billed(done)


async def test_a_wrong_shape_is_no_answer(worker, wire, aimock, unique):
    done = await asked(wire, unique, "Shape")
    assert (done.outcome, done.result, done.error.code) == ("failed", None, "answer_wrong_shape")
    assert_billed(done)


async def test_an_answer_cut_by_its_length_is_no_answer(worker, wire, aimock, unique):
    done = await asked(wire, unique, "Short")
    assert (done.outcome, done.result, done.error.code) == ("failed", None, "answer_truncated")
    assert_billed(done)
