"""A store that ignores conditions would void law 2 without a word: the worker does not start (nanio is such a store)."""

import shutil
import socket
import sys
from pathlib import Path

import httpx

from analysis_devstack.children import Child, Command
from tests.processes import until


async def test_the_worker_does_not_start_on_a_store_that_ignores_conditions(empty_stack, start_worker, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nanio = shutil.which("nanio", path=str(Path(sys.executable).parent))
    (tmp_path / "objects" / "results").mkdir(parents=True)
    server = Child(
        Command(
            name="nanio",
            arguments=(
                nanio,
                "serve",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--data-dir",
                str(tmp_path / "objects"),
                "--no-access-log",
            ),
            environment={"NANIO_ACCESS_KEY": "testaccess", "NANIO_SECRET_KEY": "testsecret1", "PATH": "/usr/bin:/bin"},
            folder=tmp_path / "nanio",
            log=tmp_path / "nanio.log",
        )
    )
    try:

        async def answers():
            async with httpx.AsyncClient(trust_env=False) as client:
                try:
                    return (await client.get(f"http://127.0.0.1:{port}/")).status_code
                except httpx.TransportError:
                    return None

        await until(answers, what=server.log_tail)
        worker = start_worker(
            S3_ENDPOINT=f"http://127.0.0.1:{port}", S3_ACCESS_KEY="testaccess", S3_SECRET_KEY="testsecret1"
        )
        assert await worker.wait(seconds=30) == 1
        lines = worker.stderr.strip().splitlines()
        assert "ignores If-None-Match" in lines[-1]
        assert not any(line.get("event") == "assigned" for line in worker.log_lines())
        assert "Traceback" not in worker.stderr
    finally:
        server.kill()
