"""`media-analysis simulator` as its own process: ready, directed, stopped, and clear about what is wrong."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.processes import until_sync
from tests.simulator.samples import body
from tests.simulator.servers import KEY

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "media_analysis", "simulator"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_it_writes_its_port_serves_and_stops_when_told(tmp_path: Path) -> None:
    port_file, script = tmp_path / "port", tmp_path / "scenario.json"
    script.write_text(json.dumps({"rules": [{"match": {"nth": 1}, "do": {"fault": "unavailable"}}]}))
    arguments = ["--port", "0", "--port-file", str(port_file), "--scenario", str(script)]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            until_sync(port_file.exists, seconds=30, what="the port file")
            base_url = f"http://127.0.0.1:{port_file.read_text().strip()}/compatible-mode/v1"
            with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}) as client:
                statuses = [client.post(f"{base_url}/chat/completions", json=body()).status_code for _ in range(2)]
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert statuses == [503, 200]
    assert process.returncode == 0
    assert output == f"simulator: {base_url}\n"
    assert errors == ""


@pytest.mark.parametrize(
    ("content", "named"),
    [(None, "No such file"), ("{", "not JSON"), ('{"rules": [{"do": {"fault": "explode"}}]}', "rules.0.do.fault")],
)
def test_a_bad_scenario_file_is_one_clear_line(tmp_path: Path, content: str | None, named: str) -> None:
    script = tmp_path / "scenario.json"
    if content is not None:
        script.write_text(content)
    result = run("--port", "0", "--scenario", str(script))
    assert result.returncode == 1
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("--port", str(port))
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert "--port" in result.stderr
    assert len(result.stderr.splitlines()) == 1
