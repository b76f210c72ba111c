"""The command's shell: an instant help, subcommands imported when called, one line and an exit code per failure."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner
from minio.error import InvalidResponseError
from pydantic import BaseModel

from analysis_devstack.errors import PortTaken
from analysis_worker.errors import Stopped
from analysis_worker.settings import KafkaSettings
from media_analysis.__main__ import COMMANDS, main, media_analysis
from media_analysis.failures import explain
from media_analysis.topics import command as topics
from media_contracts import ContractError, Fault
from media_contracts.schemas import build_schemas
from media_contracts.topics import ALL

HEAVY = ("aiokafka", "analysis_worker", "httpx", "media_contracts", "minio", "model_simulator", "pydantic", "rich")


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "media_analysis", *arguments], capture_output=True, text=True, check=False, **options
    )


def test_the_help_lists_every_subcommand_and_imports_none_of_them():
    code = (
        "import sys; from media_analysis.__main__ import main; main(['--help']);"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in told[told.index("Commands:") + 1 : -1]] == list(COMMANDS)
    assert told[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_that_is_listed_has_a_help(name):
    command = media_analysis.get_command(click.Context(media_analysis), name)
    answer = CliRunner().invoke(command, ["--help"])
    assert answer.exit_code == 0
    assert answer.output.startswith("Usage:")


def test_the_version_is_the_distributions():
    assert run("--version").stdout == "media-analysis, version 0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nope"], 2, "error: No such command 'nope'. (see: media-analysis --help)"),
        (["--nope"], 2, "error: No such option '--nope'. (see: media-analysis --help)"),
        (["topics", "--zz"], 2, "error: No such option '--zz'. (see: media-analysis topics --help)"),
        (["devstack", "--port-store", "0"], 2, "error: Invalid value for '--port-store': 0 is not in the range"),
    ],
)
def test_misuse_is_one_line_that_names_the_help(arguments, code, text, capsys):
    assert main(arguments) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(text)
    assert told.err.count("\n") == 1


def test_no_subcommand_shows_the_help_as_misuse(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("Usage: media-analysis")


class Strict(BaseModel):
    number: int
    text: str


def fault_of(model, **fields) -> Exception:
    try:
        model(**fields)
    except ValueError as error:
        return error
    raise AssertionError("it is valid")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ContractError("not_json", (Fault(path="", message="line 1"),)), 1, "error: not_json: (data): line 1"),
        (Stopped("settings: S3_ENDPOINT: is not set"), 1, "error: settings: S3_ENDPOINT: is not set"),
        (PortTaken("port 1 is taken:\n  choose another"), 1, "error: port 1 is taken: choose another"),
        (KafkaConnectionError("no broker"), 1, "KAFKA_BOOTSTRAP_SERVERS"),
        (InvalidResponseError(500, "text/html", "x"), 1, "S3_ENDPOINT"),
        (FileNotFoundError(2, "No such file or directory", "a.jpg"), 1, "No such file or directory: 'a.jpg'"),
        (
            fault_of(Strict, number="x"),
            1,
            "error: number: Input should be a valid integer, unable to parse string as an",
        ),
        (fault_of(KafkaSettings, session_timeout_ms=1), 1, "error: KAFKA_SESSION_TIMEOUT_MS: Input should be greater"),
        (ModuleNotFoundError("x", name="uvicorn"), 1, "error: the package 'uvicorn' is not installed here"),
        (ModuleNotFoundError("x", name="media_analysis.tally"), 1, "error: the command 'tally' is not part of"),
        (click.ClickException("no\n such"), 1, "error: no such"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.exceptions.Exit(3), 3, ""),
        (SystemExit(4), 4, ""),
        (SystemExit("why"), 1, "why"),
        (SystemExit(), 0, ""),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (
            ExceptionGroup("two", [PortTaken("one"), ValueError("two")]),
            70,
            "error: one; internal error: ValueError: two",
        ),
        (RuntimeError("a\nb"), 70, "internal error: RuntimeError: a b (where: media-analysis --traceback COMMAND)"),
    ],
)
def test_every_failure_is_one_line_with_an_exit_code(error, code, message):
    failure = explain(error)
    assert failure.exit_code == code
    assert message in failure.message
    assert "\n" not in failure.message


def test_the_value_of_a_broken_setting_is_not_told():
    assert "hunter2" not in explain(fault_of(Strict, number="hunter2")).message


def test_a_traceback_is_shown_when_it_is_asked_for():
    told = run("--traceback", "topics", "--compare", env={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert "Traceback (most recent call last)" in told.stderr


def test_a_reader_that_goes_away_is_no_error():
    told = subprocess.run(
        f"{sys.executable} -m media_analysis schemas | head -c 1", shell=True, capture_output=True, check=False
    )
    assert (told.stdout, told.stderr) == (b"{", b"")


def test_the_topics_are_listed_for_people_and_for_machines(capsys):
    assert main(["topics"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}  (" in told for name in ALL)
    assert main(["topics", "--json"]) == 0
    assert [card["name"] for card in json.loads(capsys.readouterr().out)] == list(ALL)


def test_topics_are_created_once_and_then_found_as_they_should_be(stack):
    environment = stack.environment
    assert CliRunner().invoke(topics, ["--create"], env=environment).output == "every topic was there already\n"
    compared = CliRunner().invoke(topics, ["--compare", "--json"], env=environment, standalone_mode=False)
    assert (json.loads(compared.output), compared.return_value) == ({"differences": []}, 0)


def test_no_broker_is_one_line_with_the_variable():
    told = run("topics", "--compare", env={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "127.0.0.1" in told.stderr
    assert "KAFKA_BOOTSTRAP_SERVERS" in told.stderr


def test_the_schemas_are_printed_or_written(tmp_path, capsys):
    assert main(["schemas"]) == 0
    assert json.loads(capsys.readouterr().out) == build_schemas()
    assert main(["schemas", "--write", str(tmp_path / "new")]) == 0
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "new").iterdir()}
    assert written == build_schemas()
