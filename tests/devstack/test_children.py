"""Child processes: none outlives its parent, and each ends quickly when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis_devstack import tether
from analysis_devstack.children import Child, Command
from analysis_devstack.errors import PackageMissing
from tests.processes import gone, until_sync

STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def make_command(folder: Path, code: str, **options) -> Command:
    return Command(
        name="toy",
        arguments=(sys.executable, "-c", code),
        environment={"PATH": os.environ["PATH"]},
        folder=folder / "toy",
        log=folder / "toy.log",
        **options,
    )


def test_a_child_writes_its_log_and_its_output_where_it_is_told(tmp_path):
    code = "import sys; print('data'); print('why', file=sys.stderr)"
    child = Child(make_command(tmp_path, code, output=tmp_path / "out"))
    until_sync(lambda: child.exit_code == 0)
    assert (tmp_path / "out").read_text() == "data\n"
    assert child.log_tail() == "  | why"


def test_a_child_that_ignores_the_stop_signal_is_killed_after_its_grace(tmp_path):
    child = Child(make_command(tmp_path, STUBBORN, grace_seconds=0.1))
    until_sync(lambda: "up" in child.log_tail())
    begun = time.monotonic()
    child.stop()
    assert time.monotonic() - begun < 2
    assert child.exit_code == -signal.SIGKILL
    assert not child.died  # it was told to


def test_what_a_child_started_goes_with_it(tmp_path):
    code = f"import subprocess,sys,time; p=subprocess.Popen([sys.executable,'-c',{STUBBORN!r}]); print(p.pid,flush=True); time.sleep(600)"
    child = Child(make_command(tmp_path, code, output=tmp_path / "pid"))
    until_sync(lambda: (tmp_path / "pid").read_text().count("\n") == 2)
    grandchild = int((tmp_path / "pid").read_text().split()[0])
    child.stop()
    until_sync(lambda: gone(grandchild))


def test_a_program_that_is_not_there_is_named_with_the_remedy(tmp_path):
    command = Command(name="toy", arguments=("/no/such",), environment={}, folder=tmp_path, log=tmp_path / "log")
    with pytest.raises(PackageMissing, match=r"toy: /no/such .* pip install"):
        Child(command)


PARENT = """
import signal, sys, time
from pathlib import Path
from analysis_devstack.children import Child, Command
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background jobs ignore it
folder = Path(sys.argv[1])
child = Child(Command(name="toy", arguments=(sys.executable, "-c", sys.argv[2]), environment={}, folder=folder, log=folder / "toy.log"))
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_dies_with_its_parent_however_that_dies(tmp_path, number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        pid = int(parent.stdout.readline())
        until_sync(lambda: "up" in (tmp_path / "toy.log").read_text())
        parent.send_signal(number)
        until_sync(lambda: gone(pid))


WATCHER = """
import os, subprocess, sys, time
script = "import sys; sys.path.insert(0, sys.argv[3]); from analysis_devstack import tether; sys.exit(tether.watch(int(sys.argv[1]), [sys.executable, '-c', sys.argv[2]]))"
subprocess.Popen([sys.executable, "-c", script, str(os.getpid()), sys.argv[1], sys.argv[2]])
time.sleep(600)
"""


def test_the_way_without_prctl_also_leaves_no_orphan(tmp_path):
    code = f"import os; print(os.getpid(), flush=True); {STUBBORN}"
    services = str(Path(tether.__file__).parent.parent)
    with subprocess.Popen([sys.executable, "-c", WATCHER, code, services], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        until_sync(lambda: gone(pid))


def test_the_watcher_passes_the_exit_code_on():
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert tether.watch(os.getppid(), [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    finally:
        signal.signal(signal.SIGTERM, before)
