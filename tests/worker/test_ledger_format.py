"""What lies in the ledger can be read by this release, byte for byte; whatever else lies there has a name, no crash."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.errors import LedgerUnreadable
from analysis_worker.ledger_format import (
    AnswerDocument,
    ClaimDocument,
    OpenAttempt,
    decode_answer,
    decode_claim,
    encode_answer,
    encode_claim,
)
from media_contracts import Attempt, EstimatedUsage, InputUsage, KafkaRecord, Money, OutputUsage, Usage

GOLDEN = Path(__file__).parents[1] / "formats" / "0.1.0"
ATTEMPT = Attempt(
    number=1,
    kind="analysis",
    model="qwen3.5-omni-plus",
    outcome="cancelled",
    usage=Usage(
        input_tokens=10,
        output_tokens=2,
        total_tokens=12,
        input=InputUsage(),
        output=OutputUsage(),
        calls=1,
        estimated=EstimatedUsage(calls=1, input_tokens=10, output_tokens=2),
    ),
    cost=Money(amount="0.00015", currency="CNY"),
    basis="estimated",
)
CLAIM = ClaimDocument(
    fingerprint="f" * 64,
    owner="host-1-abc",
    start=2,
    started_at="2026-11-21T01:02:03.004000+00:00",
    closed=(ATTEMPT,),
    open=(
        OpenAttempt(number=2, kind="segment", model="qwen3.5-omni-plus", input_tokens=614, segment=0),
        OpenAttempt(number=3, kind="repair", model="qwen3.5-omni-plus", input_tokens=620, segment=1, reason="faults"),
    ),
)
ANSWER = AnswerDocument(
    fingerprint="f" * 64,
    outcome="succeeded",
    recorded_at="2026-11-21T01:02:03.004000+00:00",
    completion=KafkaRecord(topic="c", key=b"k", value='{"result":1.10,"ü":"é"}'.encode(), headers=(("ce_id", b"1"),)),
    request=KafkaRecord(topic="r", key=b"\x80", value=None, headers=(("x", None), ("x", b"\xff\x00"), ("x", b"t"))),
)


CASES = [
    pytest.param("ledger_claim.json", CLAIM, encode_claim, decode_claim, id="claim"),
    pytest.param("ledger_answer.json", ANSWER, encode_answer, decode_answer, id="answer"),
]
WHERE = "results/ledger/default/abc/claim-1.json"


@pytest.mark.parametrize(("name", "document", "encode", "decode"), CASES)
def test_the_golden_file_is_read_and_written_again(name, document, encode, decode):
    golden = (GOLDEN / name).read_bytes().strip()
    assert decode(golden, where=WHERE) == document
    assert encode(document) == golden


@pytest.mark.parametrize("decode", [decode_claim, decode_answer])
def test_a_later_format_is_left_alone(decode):
    with pytest.raises(LedgerUnreadable, match=f"{WHERE} has format 2, this release reads 1: upgrade the worker"):
        decode(orjson.dumps({"format": 2}), where=WHERE)


@pytest.mark.parametrize("decode", [decode_claim, decode_answer])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"format":1}',
        b'{"format":true}',
        b'{"format":1.0}',
        b'{"format":0}',
        b"\xff",
        b"<Error/>",
    ],
)
def test_rubbish_names_the_object_and_the_remedy(decode, body):
    with pytest.raises(LedgerUnreadable, match=f"{WHERE} is no document of the ledger .*restore or remove it"):
        decode(body, where=WHERE)


def test_what_lies_there_is_not_quoted():
    document = orjson.loads((GOLDEN / "ledger_answer.json").read_bytes())
    document["completion"]["value"] = {"text": ["a secret answer"]}
    with pytest.raises(LedgerUnreadable) as caught:
        decode_answer(orjson.dumps(document), where=WHERE)
    assert "secret" not in caught.value.message
    assert caught.value.__suppress_context__


def test_a_number_that_could_not_be_written_again_is_not_read():
    document = orjson.loads(encode_claim(CLAIM))
    document["closed"][0]["number"] = "N"
    body = orjson.dumps(document).replace(b'"N"', str(2**64).encode())
    with pytest.raises(LedgerUnreadable, match="int"):
        decode_claim(body, where=WHERE)


def paths(document, before=()):
    """Where a JSON document can be changed."""
    yield before
    children = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, child in children:
        yield from paths(child, (*before, step))


def changed(document, path, value):
    if not path:
        return value
    copy = json.loads(json.dumps(document))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


@st.composite
def rubbish(draw, name):
    """Any bytes, a golden document cut short, one with bytes changed, or one with another value somewhere in it."""
    golden = (GOLDEN / name).read_bytes().strip()
    match draw(st.sampled_from(["bytes", "cut", "bits", "value"])):
        case "bytes":
            return draw(st.binary(max_size=200))
        case "cut":
            return golden[: draw(st.integers(0, len(golden) - 1))]
        case "bits":
            body = bytearray(golden)
            for at, byte in draw(
                st.dictionaries(st.integers(0, len(golden) - 1), st.integers(0, 255), max_size=3)
            ).items():
                body[at] = byte
            return bytes(body)
        case _:
            document = json.loads(golden)
            path = draw(st.sampled_from(list(paths(document))))
            leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
            value = draw(leaf | st.lists(leaf, max_size=2) | st.dictionaries(st.sampled_from(["text", "base64"]), leaf))
            return json.dumps(changed(document, path, value)).encode()


@pytest.mark.parametrize(("name", "document", "encode", "decode"), CASES)
@given(data=st.data())
def test_any_bytes_at_all_are_a_document_that_can_be_written_again_or_unreadable(name, document, encode, decode, data):
    body = data.draw(rubbish(name))
    try:
        read = decode(body, where=WHERE)
    except LedgerUnreadable:
        return
    assert type(read) is type(document)
    assert decode(encode(read), where=WHERE) == read
