"""Reads `contracts/README.md`: its code runs, and its tables list every code that exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from analysis_worker import errors
from media_contracts import Reason, decode_requested, encode_completed, headers
from tests.contracts.readme import BLOCKS, TEXT, run_block, table_under
from tests.contracts.strategies import NOW, a_completion

OUTCOMES = {errors.Rejected: "rejected", errors.Failed: "failed", errors.Retryable: "failed, retried"}
# Reasons of the decoder for events that we write: no dead letter ever has them.
READERS_REASONS = {"invalid_completion", "invalid_progress"}
# Reasons that need more than the record: the ledger, the settings, or the topic of the completion.
WORKERS_REASONS = {"request_conflict", "tenant_forbidden", "completion_too_large"}


def test_every_block_of_python_is_one_that_the_tests_run():
    assert TEXT.count("```python") == len(BLOCKS) == 5


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_a_block_runs_on_its_own(name):
    assert run_block(name)


@pytest.mark.parametrize("name", ["submit_by_hand", "await_completion"])
def test_a_block_for_those_without_the_package_uses_nothing_of_ours(name):
    assert "media_contracts" not in BLOCKS[name]
    assert "media_analysis" not in BLOCKS[name]


def test_the_request_that_is_built_is_one_that_is_read():
    record = run_block("submit").build_request("order-1842", "media", "photos/harbour.jpg")
    event = decode_requested(record)
    assert (event.data.request_id, event.data.limits.max_cost.amount) == ("order-1842", "0.5")


def test_a_completion_is_read_and_a_bad_one_is_named(capsys):
    read = run_block("read").read
    record = encode_completed(a_completion(), result_json=None, event_id="c", source="/m", time=NOW, key=None)
    assert read(record.topic, record.key, record.value, list(record.headers)) == a_completion()
    assert read(record.topic, None, b"{}", list(record.headers)) is None
    assert "invalid_completion" in capsys.readouterr().out


def leaves(error):
    below = error.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [error]


def test_the_codes_of_completions_are_those_of_the_workers_errors():
    expected = {}
    for root, outcome in OUTCOMES.items():
        for leaf in leaves(root):
            expected.setdefault(leaf.code, []).append(outcome)
    listed = {code: outcome for code, outcome, _ in table_under("### `error.code` of a completion")}
    assert listed == {code: ", ".join(outcomes) for code, outcomes in expected.items()}


def test_the_reasons_of_dead_letters_are_those_of_the_code():
    listed = {reason for reason, _ in table_under("### `dead-letter-reason`")}
    assert listed == set(get_args(Reason)) - READERS_REASONS | WORKERS_REASONS


def test_no_reason_or_warning_of_the_worker_is_left_out():
    worker = Path(errors.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in worker.rglob("*.py"))
    assert set(re.findall(r'\breason="(\w+)"', source)) <= {
        reason for reason, _ in table_under("### `dead-letter-reason`")
    }
    warned = set(re.findall(r'WarningInfo\(\s*code="(\w+)"', source))
    assert warned <= {code for code, _ in table_under("### `warnings[].code`")}


def test_every_header_of_dead_letters_and_retries_is_explained():
    names = {
        value
        for value in vars(headers).values()
        if isinstance(value, str) and re.fullmatch(r"(dead-letter|retry)-[\w-]*\w", value)
    }
    assert len(names) == 19
    for name in names:
        assert f"`{name}`" in TEXT or f"`{name.removeprefix('dead-letter')}`" in TEXT, name


def test_every_file_that_is_linked_exists():
    for target in re.findall(r"\]\((?!#|https?:)([^)]+)\)", TEXT):
        assert (Path(__file__).parents[2] / "contracts" / target).exists(), target


def test_the_examples_in_the_text_are_json():
    for text in re.findall(r'`(\{"[^`]+\})`', TEXT):
        json.loads(text)
