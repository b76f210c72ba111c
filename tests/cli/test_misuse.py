"""What cannot work is said on one line, with the remedy, before anything is sent."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from media_analysis.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in [name for name in os.environ if name.startswith(("KAFKA_", "S3_", "MODEL_", "DASHSCOPE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    def call(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ((), b"", "nothing to analyse"),
        (("--key", "a.png"), b"", "--bucket and --key together"),
        (("--bucket", "media", "--key", "a.bin"), b"", "add --kind"),
        (("--instruction", "x", "--max-cost", "much"), b"", "write e.g. 0.10CNY"),
        (("--instruction", "x", "--deadline", "soon"), b"", "neither a duration"),
        (("--instruction", "x", "--label", "x"), b"", "write key=value"),
        (("--instruction", "x", "--tenant", "NOT A TENANT"), b"", "/tenant"),
        (("--upload", "/nowhere.png"), b"", "does not exist"),
        (("-",), b"[1]", "a JSON object is needed"),
        (("-",), b"{", "not_json"),
        (("-",), b'{"instruction": "x", "instuction": "y"}', "/instuction"),
    ],
)
def test_what_is_misused_is_said_on_one_line_before_anything_is_published(
    run: Run, arguments: tuple[str, ...], stdin: bytes, message: str
) -> None:
    code, out, wrong = run("submit", *arguments, stdin=stdin)
    assert (code, out) == (2, "")
    assert message in wrong
    assert len(wrong.splitlines()) == 1


def test_missing_settings_are_named_with_their_variables(run: Run, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    code, _, wrong = run("submit", "--upload", str(photo))
    assert code == 2
    assert "S3_ENDPOINT: is not set" in wrong
    assert "S3_SECRET_KEY: is not set" in wrong
