"""Builds the contracts' wheel and imports it where nothing but its own dependencies exists."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
LISTING = """
import importlib, pkgutil, sys
sys.path[:] = [path for path in sys.path if 'site-packages' not in path] + sys.argv[1:]
import media_contracts
for module in pkgutil.iter_modules(media_contracts.__path__):
    importlib.import_module('media_contracts.' + module.name)
assert len(media_contracts.load_topic_cards()) == 7
print(sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__'}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CONTRACTS,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return next(folder.glob("*.whl"))


def closure(names):
    """The installed distributions that `names` need, themselves included; extras and markers for others left out."""
    found, waiting = {}, list(names)
    while waiting:
        name = re.match(r"[\w.-]+", waiting.pop())[0].lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for other Pythons or platforms
        waiting += [needed for needed in found[name].requires or [] if "extra ==" not in needed]
    return found


def test_the_wheel_needs_pydantic_and_the_cloudevents_sdk_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    needed = re.findall(r"^Requires-Dist: ([\w-]+)", metadata, re.MULTILINE)
    assert sorted(needed) == ["cloudevents", "pydantic"]


def test_the_wheel_has_the_topic_cards_and_says_that_it_is_typed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"media_contracts/topic_cards.json", "media_contracts/py.typed"} <= names
    assert {name.partition("/")[0] for name in names} == {"media_contracts", f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_the_wheel_imports_where_only_its_dependencies_are_installed(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    for needed in closure(["pydantic", "cloudevents"]).values():
        for top in {file.parts[0] for file in needed.files or () if not file.parts[0].startswith((".", "__"))}:
            link = tmp_path / top
            if not link.exists():
                link.symlink_to(needed.locate_file(top))
    # -I and -S: no site-packages, no editable installs, no environment variables.
    seen = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LISTING, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "'media_contracts'" in seen.stdout
    for foreign in (
        "analysis_worker",
        "media_analysis",
        "model_simulator",
        "analysis_devstack",
        "yaml",
        "aiokafka",
        "orjson",
    ):
        assert f"'{foreign}'" not in seen.stdout
