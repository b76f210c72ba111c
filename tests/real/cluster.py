"""Ports and a folder in; the commands of an Apache Kafka cluster out: three brokers that are controllers, too (KRaft).

Every topic has three copies of which two must have a record before it is acknowledged, as in production
(contracts/topics). What differs from Kafka's defaults is there because a test waits for it or because one small
machine carries all three.
"""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis_devstack.children import Command
from tests.real.install import HERE, jars_folder, program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analysis_devstack.ports import PortLease

BROKERS = 3
_LOG_SETTINGS = HERE / "log4j2.properties"
# C1 alone and a serial collector: three brokers that live for minutes share two cores with what they are tested with.
_JVM = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_FORMAT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One broker: its number, the port of its clients and the port of the controllers' quorum."""

    number: int
    port: int
    quorum_port: int

    @property
    def name(self) -> str:
        return f"broker-{self.number}"


class CannotFormat(Exception):
    """Kafka's storage tool refused a folder."""


def choose_nodes(lease: PortLease) -> tuple[Node, ...]:
    """Lease the ports of three brokers."""
    return tuple(Node(number=number, port=lease.take(), quorum_port=lease.take()) for number in range(1, BROKERS + 1))


def bootstrap_of(nodes: Sequence[Node]) -> str:
    """What clients are told."""
    return ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def broker_command(folder: Path, *, node: Node) -> Command:
    """One broker; its folder must have been formatted. SIGTERM hands its partitions over first, which takes seconds."""
    return Command(
        name=node.name,
        arguments=(*_java(), "kafka.Kafka", str(_properties_file(folder))),
        environment=_environment(folder),
        folder=folder,
        log=folder.parent / f"{node.name}.log",
        grace_seconds=20.0,
    )


def format_storage(folders: Sequence[Path], nodes: Sequence[Node]) -> None:
    """Write the settings of every broker and format its empty folder for one new cluster. Raises CannotFormat."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    for folder, node in zip(folders, nodes, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        _properties_file(folder).write_text(properties(folder, node=node, nodes=nodes))
    with ThreadPoolExecutor() as pool:
        for ended in pool.map(lambda folder: _format(folder, cluster_id), folders):
            if ended.returncode:
                raise CannotFormat(ended.stdout)


def properties(folder: Path, *, node: Node, nodes: Sequence[Node]) -> str:
    """Pure: one broker's server.properties."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(f"{one.number}@127.0.0.1:{one.quorum_port}" for one in nodes),
        "listeners": f"CLIENTS://127.0.0.1:{node.port},QUORUM://127.0.0.1:{node.quorum_port}",
        "advertised.listeners": f"CLIENTS://127.0.0.1:{node.port}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,QUORUM:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "QUORUM",
        "log.dirs": folder / "data",
        # Copies, as in production. The topics name theirs; these are for Kafka's own and for what cards leave open.
        "default.replication.factor": BROKERS,
        "min.insync.replicas": BROKERS - 1,
        "offsets.topic.replication.factor": BROKERS,
        "transaction.state.log.replication.factor": BROKERS,
        "transaction.state.log.min.isr": BROKERS - 1,
        "auto.create.topics.enable": "false",
        # Small: Kafka's own topics, threads and buffers (the cleaner's default is half of the heap).
        "offsets.topic.num.partitions": BROKERS,
        "transaction.state.log.num.partitions": BROKERS,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 8 * 1024**2,
        "log.index.size.max.bytes": 1024**2,
        # Quick: a group's first join, the fencing of a broker that was killed, deleted topics' files.
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 6_000,
        "broker.heartbeat.interval.ms": 1_000,
        "log.segment.delete.delay.ms": 1_000,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _format(folder: Path, cluster_id: str) -> subprocess.CompletedProcess[str]:
    arguments = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(_properties_file(folder)))
    return subprocess.run(
        [*_java(), *arguments],
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
    )


def _java() -> tuple[str, ...]:
    java = program("java", remedy="install a JDK, 17 or newer")
    return (java, *_JVM, f"-Dlog4j2.configurationFile={_LOG_SETTINGS}", "-cp", f"{jars_folder()}{os.sep}*")


def _properties_file(folder: Path) -> Path:
    return folder / "server.properties"


def _environment(folder: Path) -> dict[str, str]:
    # Not the shell's as it is: KAFKA_* and JAVA_TOOL_OPTIONS of a user would reach the brokers.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "JAVA_HOME") if name in os.environ}
    return kept | {"HOME": str(folder)}
