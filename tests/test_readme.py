"""What the README says of settings, files and commands is true."""

import re
from pathlib import Path

import pytest

from analysis_worker.settings import variables
from media_analysis.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PREFIXES = r"(?:KAFKA|S3|MODEL|WORKER|OTEL)_[A-Z0-9_]+"


def test_the_settings_table_names_every_variable_and_no_other():
    rows = [line for line in README.splitlines() if re.match(rf"\| `{PREFIXES}`", line)]
    named = {name for row in rows for name in re.findall(rf"`({PREFIXES})`", row.split("|")[1])}
    assert named == set(variables())


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_to_a_file(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^media-analysis (\w+)|&& media-analysis (\w+)", README, re.MULTILINE)))
)
def test_every_command_that_is_shown_exists(command):
    assert (command[0] or command[1]) in COMMANDS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)", README))))
def test_every_make_target_that_is_named_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
