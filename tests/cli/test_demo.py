"""`media-analysis demo` as a process: it runs the whole story, judges it, and says in one line what keeps it from doing so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from media_analysis.demo.story import build_cases
from tests.cli.stand_in import run_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.system
async def test_the_demo_holds_its_promises_and_writes_its_report(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    code, out, wrong = await run_command(
        "demo",
        "--directory",
        str(tmp_path / "stack"),
        "--report",
        str(report),
        environment={"KAFKA_BOOTSTRAP_SERVERS": "192.0.2.1:9"},
    )
    assert (code, wrong) == (0, ""), out
    assert "✕ " not in out.replace("✕ failed", "")
    assert "come from the simulator, not from a model" in out
    assert str(report) in out
    page = report.read_text("utf-8")
    assert page.count("<article") == page.count("as expected: ") == len(build_cases("t"))
    assert page.count('class="waterfall"') >= 20
    assert page.count("<audio controls") == 2
    assert page.count("<track default") == 1
    assert (page.count('class="strip"'), page.count('class="pieces"')) == (3, 2)
    assert not re.search(r"(src|href)=\"(?!data:(image/|audio/wav|text/vtt|application/x-subrip)|#)", page)


async def test_without_a_key_the_real_api_is_not_tried_and_one_line_says_so(tmp_path: Path) -> None:
    code, out, wrong = await run_command("demo", "--provider", "dashscope", environment={})
    assert (code, out) == (2, "")
    assert len(wrong.splitlines()) == 1
    assert "DASHSCOPE_API_KEY" in wrong


async def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    code, _, wrong = await run_command("demo", "--directory", str(tmp_path), environment={})
    assert code == 2
    assert "is not empty" in wrong
    assert len(wrong.splitlines()) == 1
