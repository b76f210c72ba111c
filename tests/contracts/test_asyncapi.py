"""Reads the AsyncAPI document: it is AsyncAPI 3.0, has every topic and event, and says no less than the schemas."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from media_contracts import asyncapi, headers, load_topic_cards, schemas, topics

CONTRACTS = Path(__file__).parents[2] / "contracts"
SPECIFICATION = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.schema.json").read_text(encoding="utf-8"))
DOCUMENT = asyncapi.build_asyncapi()
CARDS = load_topic_cards()
EXAMPLES = sorted((CONTRACTS / "examples").rglob("*.json"))


def faults(document):
    return [
        f"{fault.json_path}: {fault.message[:200]}" for fault in Draft7Validator(SPECIFICATION).iter_errors(document)
    ]


def references(node):
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def pointed(reference):
    found = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_the_document_is_asyncapi_3():
    assert faults(DOCUMENT) == []


@pytest.mark.parametrize("name", ["action", "partitions", "messages"])
def test_the_specification_would_refuse_another_document(name):
    bad = copy.deepcopy(DOCUMENT)
    if name == "action":
        bad["operations"][f"receive.{topics.REQUESTED}"]["action"] = "subscribe"
    elif name == "partitions":
        bad["channels"][topics.REQUESTED]["bindings"]["kafka"]["partitions"] = "twelve"
    else:
        bad["components"]["messages"][topics.COMPLETED]["contentType"] = 7
    assert faults(bad)


def test_every_reference_points_at_something():
    found = set(references(DOCUMENT))
    assert found
    assert all(pointed(reference) for reference in found)


def test_every_topic_is_a_channel_as_its_card_says():
    assert tuple(DOCUMENT["channels"]) == topics.ALL
    for card in CARDS:
        channel = DOCUMENT["channels"][card.name]
        binding = channel["bindings"]["kafka"]
        assert (channel["address"], channel["description"]) == (card.name, card.purpose)
        assert (binding["partitions"], binding["replicas"]) == (card.partitions, card.replication_factor)
        said = {
            name: value if name != "cleanup.policy" else ",".join(value)
            for name, value in binding["topicConfiguration"].items()
        }
        assert {name: str(value) for name, value in said.items()} == card.topic_configuration


def test_every_event_is_a_message_with_its_schema_and_the_headers_of_its_card():
    for card in CARDS:
        message = DOCUMENT["components"]["messages"][card.name]
        assert set(message["headers"]["properties"]) == set(card.headers) - {"*"}
        if card.event_type is not None:
            assert message["headers"]["properties"]["ce_type"]["const"] == card.event_type
            assert pointed(message["payload"]["$ref"])["title"] == schemas.build_schema(card.event_type)["title"]


def test_a_request_may_come_in_three_modes():
    assert list(DOCUMENT["channels"][topics.REQUESTED]["messages"]) == [
        topics.REQUESTED,
        f"{topics.REQUESTED}.structured",
        f"{topics.REQUESTED}.plain",
    ]
    assert DOCUMENT["components"]["messages"][topics.REQUESTED]["headers"]["required"] == [
        "ce_specversion",
        "ce_type",
        "ce_id",
        "ce_source",
    ]


def test_the_worker_receives_requests_and_copies_and_sends_the_rest():
    done = {(operation["action"], operation["channel"]["$ref"]) for operation in DOCUMENT["operations"].values()}
    retries = [name for name, _ in topics.RETRY_TOPICS]
    assert done == {
        *(("receive", f"#/channels/{name}") for name in (topics.REQUESTED, *retries)),
        *(("send", f"#/channels/{name}") for name in (topics.COMPLETED, topics.PROGRESS, topics.DEAD_LETTER, *retries)),
    }


def test_who_sends_and_who_receives_is_as_the_cards_say():
    for card in CARDS:
        operations = {name.partition(".")[0] for name in DOCUMENT["operations"] if name.endswith(f".{card.name}")}
        assert ("receive" in operations) == ("analysis-worker" in card.consumers)
        assert ("send" in operations) == ("analysis-worker" in card.producers)


def test_a_header_that_may_be_missing_is_not_required():
    dead = DOCUMENT["components"]["messages"][topics.DEAD_LETTER]["headers"]["required"]
    assert headers.DEAD_LETTER_REASON in dead
    assert headers.DEAD_LETTER_REF_KEY not in dead


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: "/".join(path.parts[-4:]))
def test_an_example_is_judged_as_by_its_schema(path):
    event_type = f"media.analysis.{path.parts[-4]}.v1"
    example = json.loads(path.read_text(encoding="utf-8"))
    message = DOCUMENT["components"]["messages"][event_type]
    ours = Draft7Validator({**message["payload"], "components": DOCUMENT["components"]})
    assert ours.is_valid(example) == Draft202012Validator(schemas.build_schema(event_type)).is_valid(example)


def test_the_committed_document_is_that_of_the_code():
    committed = (CONTRACTS / "asyncapi.json").read_text(encoding="utf-8")
    assert committed == asyncapi.format_asyncapi(), "run: python -m media_contracts.asyncapi > contracts/asyncapi.json"
