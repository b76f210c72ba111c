"""Settings in; whether the ledger outlives the records that may come again, as one finding, out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError
from minio.commonconfig import ENABLED
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from analysis_devstack.lifecycle import LEDGER_PREFIX, ledger_days
from analysis_devstack.topics import contract_topics, describe_topics
from media_analysis.broker import connection
from media_analysis.bucket import minio_client
from media_analysis.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from minio.lifecycleconfig import Rule

    from analysis_worker.settings import KafkaSettings, Settings

NAME: Final = "ledger life"


async def ledger_life(settings: Settings) -> tuple[Finding, ...]:
    """Compare the bucket's lifecycle rules with the retention of the topics; nothing when the bucket cannot be asked."""
    configurations = await _configurations(settings.kafka)
    bucket = settings.s3.results_bucket
    try:
        told = await asyncio.to_thread(minio_client(settings.s3).get_bucket_lifecycle, bucket)
    except S3Error as error:
        if error.code == "NoSuchBucket":
            return ()
        return (_unproven(f"the store does not tell: {error.code}"),)
    except ValueError as error:  # minio's own rules for what a rule may look like
        return (_unproven(f"a rule that cannot be read: {error}"),)
    except (MinioException, HTTPError):
        return ()  # said of the bucket already
    return (judge(told.rules if told else (), needed_days=ledger_days(configurations.values())),)


def judge(rules: Iterable[Rule], *, needed_days: int | None) -> Finding:
    """Pure: what the rules of a bucket mean for a ledger that must live so long; None: for ever."""
    lives = sorted((life, rule.rule_id or "") for rule in rules if (life := _life_days(rule)) is not None)
    needed = "for ever" if needed_days is None else f"{needed_days} days"
    if not lives:
        return Finding(name=NAME, ok=True, seen=f"no rule of the bucket removes it: for ever (needed: {needed})")
    days, rule_id = lives[0]
    if needed_days is not None and days >= needed_days:
        return Finding(name=NAME, ok=True, seen=f"{days} days (needed: {needed})")
    remedy = f"give the rule {rule_id!r} at least {needed}" if needed_days else f"remove the rule {rule_id!r}"
    seen = f"the rule {rule_id!r} removes it after {days} days, and records can come again: needed {needed}"
    return Finding(name=NAME, ok=False, seen=seen, remedy=f"{remedy}: a request whose answer is gone is paid again")


def _life_days(rule: Rule) -> int | None:
    """After how many days the rule removes an object of the ledger; 0 on a date; None when it removes none."""
    expiration = rule.expiration
    if rule.status != ENABLED or expiration is None or not _touches_ledger(rule):
        return None
    if expiration.days is not None:
        return int(expiration.days)
    return None if expiration.date is None else 0


def _touches_ledger(rule: Rule) -> bool:
    """Whether objects below the prefix, which have no tags, are meant; also when only some of them are."""
    scope = rule.rule_filter
    if scope is None:
        return True
    if scope.tag is not None or (scope.and_operator is not None and scope.and_operator.tags):
        return False
    prefix = (scope.and_operator.prefix if scope.and_operator is not None else scope.prefix) or ""
    return bool(LEDGER_PREFIX.startswith(prefix) or prefix.startswith(LEDGER_PREFIX))


async def _configurations(kafka: KafkaSettings) -> dict[str, Mapping[str, str]]:
    """The configuration of every topic from which a request may come again; the cards' where the broker tells none."""
    cards: dict[str, Mapping[str, str]] = {spec.name: spec.configuration for spec in contract_topics()}
    try:
        told = await describe_topics([*cards, *kafka.tenant_topics], client=connection(kafka))
    except (KafkaError, OSError):
        return cards  # said of the broker already
    return {name: {**cards.get(name, {}), **configuration} for name, configuration in (cards | told).items()}


def _unproven(why: str) -> Finding:
    return Finding(name=NAME, ok=True, seen=f"not proven: {why}")
