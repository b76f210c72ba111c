"""Options in; the topics as their cards describe them, created on a broker or compared with it if asked, out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from analysis_devstack.topics import Difference, compare_topics, contract_topics, create_topics
from analysis_worker.settings import KafkaSettings
from media_analysis.broker import connection
from media_contracts import TopicCard, load_topic_cards

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIFFERENT = 1


@click.command(name="topics")
@click.option("--create", "action", flag_value="create", help="Create the topics that the broker lacks.")
@click.option("--compare", "action", flag_value="compare", help="Compare with the broker; exit code 1 on a difference.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, action: str | None, as_json: bool) -> int:
    """Print the topics; create them on, or compare them with, the broker of KAFKA_BOOTSTRAP_SERVERS.

    Existing topics are never changed: partitions cannot shrink, and growing them moves keys. Some brokers report
    fewer configuration entries than Kafka; an entry that is not reported counts as a difference.
    """
    match action:
        case "create":
            created = asyncio.run(create_topics(contract_topics(), client=connection(KafkaSettings())))
            click.echo(_created(created, as_json=as_json))
            return 0
        case "compare":
            found = asyncio.run(compare_topics(contract_topics(), client=connection(KafkaSettings())))
            click.echo(_compared(found, as_json=as_json))
            return _DIFFERENT if found else 0
        case _:
            click.echo(_listed(load_topic_cards(), as_json=as_json))
            return 0


def _created(names: Sequence[str], *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"created": list(names)})
    return "\n".join(f"created {name}" for name in names) or "every topic was there already"


def _compared(found: Sequence[Difference], *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"differences": [asdict(difference) for difference in found]})
    lines = (f"{one.topic}: {one.what} is {one.found or 'missing'}, it should be {one.wanted}" for one in found)
    return "\n".join(lines) or "the broker has every topic as its card says"


def _listed(cards: Sequence[TopicCard], *, as_json: bool) -> str:
    if as_json:
        return json.dumps([card.model_dump(mode="json") for card in cards], ensure_ascii=False)
    return "\n\n".join(_card(card) for card in cards)


def _card(card: TopicCard) -> str:
    configuration = "  ".join(f"{name}={value}" for name, value in card.topic_configuration.items())
    return "\n".join(
        [
            f"{card.name}  ({card.partitions} partitions, {card.replication_factor} copies)",
            f"  {card.purpose}",
            f"  key: {card.key}",
            f"  {configuration}",
            f"  from {', '.join(card.producers)}  to {', '.join(card.consumers)}",
        ]
    )
