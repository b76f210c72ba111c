"""`media-analysis devstack`: up until told, its environment in a file, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import children_of, gone, until_sync

MEDIA_ANALYSIS = (sys.executable, "-m", "media_analysis")


class Running:
    """The command as its own process, with its output in files."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.environment_file = folder / "out" / "stack.env"
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [*MEDIA_ANALYSIS, "devstack", "--no-simulator", "--env-file", str(self.environment_file), *options],
                stdout=stdout,
                stderr=stderr,
                env=os.environ | {"TMPDIR": str(folder / "tmp")},
            )

    def wait_until_ready(self) -> set[int]:
        until_sync(lambda: self.environment_file.exists() or self.process.poll() is not None, seconds=30)
        assert self.process.poll() is None, self.stderr()
        return children_of(self.process.pid)

    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()


@pytest.fixture
def start(tmp_path):
    (tmp_path / "tmp").mkdir()
    started = []

    def start_one(*options: str) -> Running:
        started.append(Running(tmp_path, *options))
        return started[-1]

    yield start_one
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told_and_leaves_nothing(start, tmp_path, number):
    devstack = start()
    children = devstack.wait_until_ready()
    assert len(children) == 3
    until_sync(lambda: "Ctrl-C ends it" in devstack.stdout())
    devstack.process.send_signal(number)
    assert devstack.process.wait(20) == 0
    assert all(gone(pid) for pid in children)
    assert not devstack.environment_file.exists()
    assert [
        path.name for path in (tmp_path / "tmp").iterdir() if not path.name.startswith("media-analysis-ports")
    ] == []
    assert devstack.stderr() == ""


def test_a_shell_that_sources_the_file_has_the_values_of_the_banner(start):
    devstack = start()
    devstack.wait_until_ready()
    exported = [line for line in devstack.stdout().splitlines() if line.startswith("export ")]
    by_file, by_banner = (
        subprocess.run(
            ["sh", "-c", f"set -a\n{text}\nexec env"], env={}, capture_output=True, text=True, check=True
        ).stdout
        for text in (f". {devstack.environment_file}", "\n".join(exported))
    )
    assert sorted(by_file.splitlines()) == sorted(by_banner.splitlines())
    assert 'S3_ALLOWED={"default":["media/*"],"acme":["media/acme/*"]}' in by_file
    assert devstack.environment_file.stat().st_mode & 0o077 == 0  # it holds keys


def test_no_server_outlives_a_killed_stack(start):
    devstack = start()
    children = devstack.wait_until_ready()
    devstack.process.kill()
    until_sync(lambda: all(gone(pid) for pid in children))


def test_a_server_that_dies_ends_the_stack_with_one_message(start, tmp_path):
    devstack = start("--directory", str(tmp_path / "kept"))
    children = devstack.wait_until_ready()
    sink = next(pid for pid in children if b"oteltap" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(sink, signal.SIGKILL)
    assert devstack.process.wait(20) == 1
    assert devstack.stderr().startswith("error: trace_sink ended by itself with -9: start the stack again")
    assert "Traceback" not in devstack.stderr()
    assert all(gone(pid) for pid in children)
    assert (tmp_path / "kept" / "store.log").exists()


def test_told_while_it_starts_it_still_ends_cleanly(start):
    devstack = start()
    until_sync(lambda: children_of(devstack.process.pid))
    children = children_of(devstack.process.pid)
    devstack.process.send_signal(signal.SIGTERM)
    assert devstack.process.wait(20) == 0
    assert all(gone(pid) for pid in children)
    assert not devstack.environment_file.exists()
