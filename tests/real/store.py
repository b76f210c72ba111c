"""A port, keys and a folder in; the command of a MinIO server out: the S3 server that is not the embedded one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from analysis_devstack.children import Command
from analysis_devstack.servers import STORE
from tests.real.install import minio_program

if TYPE_CHECKING:
    from pathlib import Path


def store_command(folder: Path, *, port: int, access_key: str, secret_key: str) -> Command:
    """One drive, no console, no look for updates. Data and port stay over a restart."""
    return Command(
        name=STORE,
        arguments=(
            str(minio_program()),
            "server",
            "--anonymous",  # the start's banner would show the keys
            f"--address=127.0.0.1:{port}",
            str(folder / "data"),
        ),
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "MINIO_ROOT_USER": access_key,
            "MINIO_ROOT_PASSWORD": secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
        folder=folder,
        log=folder.parent / "store.log",
    )
