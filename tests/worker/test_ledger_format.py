"""What lies in the ledger can be read by this release, byte for byte, and nothing of a later one is touched."""

from pathlib import Path

import orjson
import pytest

from analysis_worker.errors import Stopped
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
    open=OpenAttempt(number=2, kind="analysis", model="qwen3.5-omni-plus", input_tokens=614),
)
ANSWER = AnswerDocument(
    fingerprint="f" * 64,
    outcome="succeeded",
    recorded_at="2026-11-21T01:02:03.004000+00:00",
    completion=KafkaRecord(topic="c", key=b"k", value='{"result":1.10,"ü":"é"}'.encode(), headers=(("ce_id", b"1"),)),
    request=KafkaRecord(topic="r", key=b"\x80", value=None, headers=(("x", None), ("x", b"\xff\x00"), ("x", b"t"))),
)


@pytest.mark.parametrize(
    ("name", "document", "encode", "decode"),
    [
        ("ledger_claim.json", CLAIM, encode_claim, decode_claim),
        ("ledger_answer.json", ANSWER, encode_answer, decode_answer),
    ],
)
def test_the_golden_file_is_read_and_written_again(name, document, encode, decode):
    golden = (GOLDEN / name).read_bytes().strip()
    assert decode(golden) == document
    assert encode(document) == golden


@pytest.mark.parametrize("decode", [decode_claim, decode_answer])
def test_a_later_format_is_left_alone(decode):
    with pytest.raises(Stopped, match="upgrade the worker"):
        decode(orjson.dumps({"format": 2}))
