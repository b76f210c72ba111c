"""Reads `contracts/examples`: good ones are read by code and schema alike, bad ones have exactly the faults they state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from media_contracts import (
    ContractError,
    KafkaRecord,
    decode_completed,
    decode_progress,
    decode_requested,
    encode_event,
    topics,
)
from media_contracts.schemas import build_schema
from tests.contracts.strategies import NOW

ROOT = Path(__file__).parents[2] / "contracts" / "examples"
EVENTS = {
    "requested": (topics.REQUESTED, decode_requested),
    "completed": (topics.COMPLETED, decode_completed),
    "progress": (topics.PROGRESS, decode_progress),
}
VALID = sorted(ROOT.glob("*/v1/valid/*.json"))
INVALID = sorted(ROOT.glob("*/v1/invalid/*.json"))
# Rules over several fields, sizes in bytes and sums are the decoder's alone: JSON Schema cannot say them.


def read(path: Path):
    event_type, decode = EVENTS[path.relative_to(ROOT).parts[0]]
    return json.loads(path.read_text(encoding="utf-8")), event_type, decode


def name(path: Path) -> str:
    return f"{path.relative_to(ROOT).parts[0]}-{path.stem}"


def plain(document):
    return KafkaRecord(topic="t", key=None, value=json.dumps(document).encode())


def validator(event_type):
    return Draft202012Validator(build_schema(event_type), format_checker=FormatChecker())


def test_every_event_has_good_and_bad_examples():
    assert {path.relative_to(ROOT).parts[0] for path in VALID} == set(EVENTS)
    assert {path.relative_to(ROOT).parts[0] for path in INVALID} == set(EVENTS)


@pytest.mark.parametrize("path", VALID, ids=name)
def test_a_good_example_fits_the_schema_and_the_code(path):
    document, event_type, decode = read(path)
    assert [error.message for error in validator(event_type).iter_errors(document)] == []
    event = decode(plain(document))
    record = encode_event(
        type=event_type, data=event.data, event_id="e", source="s", time=NOW, topic=event_type, key=None
    )
    assert decode(record).data == event.data
    assert [error.message for error in validator(event_type).iter_errors(json.loads(record.value))] == []


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_a_bad_example_has_exactly_the_faults_that_it_states(path):
    example, _, decode = read(path)
    with pytest.raises(ContractError) as caught:
        decode(plain(example["data"]))
    found = {fault.path: fault.message for fault in caught.value.faults}
    assert set(found) == set(example["faults"])
    for where, text in example["faults"].items():
        assert text in found[where]


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_what_the_schema_refuses_the_code_refuses_in_the_same_place(path):
    example, event_type, _ = read(path)
    for error in validator(event_type).iter_errors(example["data"]):
        where = "".join(f"/{part}" for part in error.absolute_path)
        assert any(fault.startswith(where) for fault in example["faults"]), error.message
