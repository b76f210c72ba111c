"""Reads `contracts/topics/*.yaml`: there is one card for each topic, and the package offers the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from media_contracts import TopicCard, headers, load_topic_cards, schemas, topics

FOLDER = Path(__file__).parents[2] / "contracts" / "topics"
CARDS = {card.name: card for card in load_topic_cards()}


def test_there_is_one_card_for_each_topic():
    assert tuple(CARDS) == topics.ALL
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(topics.ALL)


def test_the_package_offers_what_the_yaml_files_say():
    written = [yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in topics.ALL]
    assert TypeAdapter(tuple[TopicCard, ...]).validate_json(json.dumps(written)) == load_topic_cards(), (
        "run: python tests/contracts/test_topic_cards.py"
    )
    assert all(set(card) <= set(TopicCard.model_fields) for card in written)


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_a_card_names_a_schema_that_exists(card):
    assert card.schema_file is None or card.schema_file in schemas.build_schemas()
    assert (card.event_type is None) == (card.schema_file is None)


def test_the_retry_cards_have_the_delays_of_the_code():
    assert (
        tuple((card.name, card.delay_seconds) for card in CARDS.values() if card.delay_seconds) == topics.RETRY_TOPICS
    )


def test_a_copy_of_the_largest_request_fits_with_its_headers():
    room = 16 * 1024
    largest = CARDS[topics.REQUESTED].max_message_bytes
    for name in (topics.DEAD_LETTER, *(name for name, _ in topics.RETRY_TOPICS)):
        assert CARDS[name].max_message_bytes >= largest + room


def test_a_retry_is_kept_longer_than_it_waits_and_a_dead_letter_longest():
    for card in CARDS.values():
        assert card.retention_ms > 2000 * (card.delay_seconds or 0)
        assert card.retention_ms <= CARDS[topics.DEAD_LETTER].retention_ms


def test_a_copy_outlives_the_request_that_it_stands_for():
    day_ms = 24 * 60 * 60 * 1000
    for name, _ in topics.RETRY_TOPICS:
        assert CARDS[name].retention_ms >= CARDS[topics.REQUESTED].retention_ms + day_ms


@pytest.mark.parametrize(
    ("name", "prefix"),
    [(topics.DEAD_LETTER, headers.DEAD_LETTER_PREFIX), (topics.RETRY_TOPICS[0][0], headers.RETRY_PREFIX)],
)
def test_the_card_lists_the_headers_that_the_code_names(name, prefix):
    named = {
        value
        for value in vars(headers).values()
        if isinstance(value, str) and value.startswith(prefix) and value != prefix
    }
    assert set(CARDS[name].headers) - {"*"} == named


def test_settings_are_named_as_kafka_names_them():
    assert CARDS[topics.REQUESTED].topic_configuration == {
        "cleanup.policy": "delete",
        "retention.ms": "604800000",
        "max.message.bytes": "1048588",
    }


if __name__ == "__main__":
    copied = [yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in topics.ALL]
    mirror = FOLDER.parent / "media_contracts" / "topic_cards.json"
    mirror.write_text(json.dumps(copied, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
