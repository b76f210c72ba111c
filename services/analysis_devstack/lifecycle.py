"""Pure: topics' configurations in; how many days the ledger must live, and the bucket's rule that says so, out.

A record can come again for as long as its topic keeps it, and then its answer must still be there (law 2). Kafka counts
from the record, the store from the object, which is younger; a day covers the clocks and the store's daily round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LEDGER_PREFIX: Final = "ledger/"
_DAY_MS: Final = 24 * 60 * 60 * 1000
_KAFKA_DEFAULT_MS: Final = str(7 * _DAY_MS)
"""`log.retention.hours` of a broker that was told nothing."""


def ledger_days(configurations: Iterable[Mapping[str, str]]) -> int | None:
    """The longest retention and a day, rounded up; None when a topic keeps its records for ever."""
    longest_ms = 0
    for configuration in configurations:
        retention_ms = int(configuration.get("retention.ms", _KAFKA_DEFAULT_MS))
        if retention_ms < 0 or configuration.get("cleanup.policy") == "compact":
            return None
        longest_ms = max(longest_ms, retention_ms)
    return math.ceil(longest_ms / _DAY_MS) + 1


def ledger_rule(days: int) -> LifecycleConfig:
    """The rule that removes what lies in the ledger after so many days, and touches nothing else."""
    rule = Rule(ENABLED, rule_id="ledger", rule_filter=Filter(prefix=LEDGER_PREFIX), expiration=Expiration(days=days))
    return LifecycleConfig([rule])
