"""The locks of this folder in; servers that are not ours, in an ignored folder of the checkout, out.

`python -m tests.real.install` needs JDK 17 or newer, Maven and Go for Apache Kafka's jars and MinIO; with `models` it
installs the model servers of others as well, and needs Node.js 20.15 or newer for one of them. The registries are those
that Maven, Go, npm and pip are set up for. It does nothing when the locks have not changed since the last time. What it
installs is pinned: the jars by `pom.xml` and `jars.sha256` (after a change: `cd .real/jars-*; sha256sum *.jar`), MinIO
by `go.mod` and `go.sum`, aimock by `aimock/package-lock.json`, llmock by `llmock.lock` (after a change: `make lock`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".real"
_MINIO = "github.com/minio/minio"


class CannotInstall(Exception):
    """A program is missing, a download failed, or a jar is not the one that the lock names."""


def jars_folder() -> Path:
    """Where the jars of this version of the locks lie, once installed."""
    return FOLDER / f"jars-{_digest('pom.xml', 'jars.sha256')}"


def minio_program() -> Path:
    """Where MinIO of this version of the locks lies, once installed."""
    return FOLDER / f"minio-{_digest('go.mod', 'go.sum')}"


def aimock_folder() -> Path:
    """Where aimock of this version of the locks lies, once installed."""
    return FOLDER / f"aimock-{_digest('aimock/package.json', 'aimock/package-lock.json')}"


def llmock_folder() -> Path:
    """Where llmock of this version of the lock lies, once installed; its packages are for this Python."""
    return FOLDER / f"llmock-{sys.implementation.cache_tag}-{_digest('llmock.lock')}"


def program(name: str, *, remedy: str) -> str:
    """The path of a program of this machine. Raises CannotInstall."""
    if found := shutil.which(name):
        return found
    raise CannotInstall(f"{name}: no such program on PATH: {remedy}")


def install(*, models: bool = False) -> None:
    """Install what is missing; a second process waits for the first. Raises CannotInstall."""
    wanted = [(jars_folder(), _copy_jars), (minio_program(), _build_minio)]
    if models:
        wanted += [(aimock_folder(), _install_aimock), (llmock_folder(), _install_llmock)]
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for done, make in wanted:
            if not done.exists():
                begun = time.monotonic()
                _say(f"installing {done.name} (once) ...")
                unfinished = FOLDER / "unfinished"
                _remove(unfinished)
                make(unfinished)
                unfinished.rename(done)
                _say(f"installed {done.name} in {time.monotonic() - begun:.0f} s")


def _copy_jars(folder: Path) -> None:
    program("java", remedy="install a JDK, 17 or newer")
    maven = program("mvn", remedy="install Apache Maven")
    # -C: a download whose checksum is wrong fails.
    options = ("-q", "-B", "-C", "-Dstyle.color=never", "-f", str(HERE / "pom.xml"))
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}")
    _run(maven, *options, *goal, environment={})
    wanted = (HERE / "jars.sha256").read_text().split("\n")
    found = [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}" for jar in folder.glob("*.jar")]
    if others := set(found) ^ {line for line in wanted if line}:
        raise CannotInstall(f"{len(others)} lines differ from jars.sha256: {sorted(others)[:4]}: see {__name__}")


def _build_minio(program_file: Path) -> None:
    go = program("go", remedy="install Go; the version is in tests/real/go.mod")
    # The toolchain of this machine, and no change of the lock.
    environment = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -trimpath", "CGO_ENABLED": "0"}
    _run(go, "build", "-o", str(program_file), _MINIO, environment=environment)


def _install_aimock(folder: Path) -> None:
    npm = program("npm", remedy="install Node.js, 20.15 or newer")
    shutil.copytree(HERE / "aimock", folder)  # with .npmrc
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    _run(npm, "ci", "--ignore-scripts", *quiet, environment={}, folder=folder)


def _install_llmock(folder: Path) -> None:
    options = ("--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--no-deps")
    pip = (sys.executable, "-m", "pip", "install", *options)
    # A folder of its own and no virtual environment: that could not be moved to its place once it is whole.
    _run(*pip, "--target", str(folder), "-r", str(HERE / "llmock.lock"), environment={})


def _run(*arguments: str, environment: dict[str, str], folder: Path = HERE) -> None:
    ended = subprocess.run(arguments, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise CannotInstall(f"{Path(arguments[0]).name} ended with {ended.returncode}: {' '.join(arguments[1:])}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _digest(*names: str) -> str:
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in names)).hexdigest()[:12]


if __name__ == "__main__":
    try:
        install(models="models" in sys.argv[1:])
    except CannotInstall as error:
        sys.exit(f"error: {error}")
