"""A spoken answer asked for on the command line: a WAV in the current folder, said by name."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from media_analysis.__main__ import main
from tests.simulator.samples import picture
from tests.simulator.servers import KEY, run_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.servers import Simulator


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    (tmp_path / "a.jpg").write_bytes(picture(80, 60))
    monkeypatch.chdir(tmp_path)
    with run_simulator() as running:
        monkeypatch.setenv("MODEL_BASE_URL", running.base_url)
        monkeypatch.setenv("MODEL_API_KEY", KEY)
        yield running


@pytest.mark.parametrize(("profile", "field", "calls"), [("converse", "text", 1), ("describe", "description", 2)])
def test_analyze_leaves_the_spoken_answer_in_the_current_folder(
    simulator: Simulator, capsys: pytest.CaptureFixture[str], profile: str, field: str, calls: int
) -> None:
    options = ("--model", "qwen3.5-omni-plus", "--profile", profile, "--voice", "Tina", "--json")
    assert main(["analyze", "a.jpg", "--instruction", "What is it?", *options]) == 0
    done = json.loads(capsys.readouterr().out)
    [artifact] = done["artifacts"]
    with wave.open(artifact["key"]) as file:
        assert file.getnframes() == len(done["result"][field]) * 24_000 // 5
    assert Path(artifact["key"]).parent == Path.cwd()
    assert len(simulator.calls()) == done["usage"]["calls"] == calls


def test_a_person_is_told_where_it_lies(simulator: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "a.jpg", "--model", "qwen-omni-turbo", "--profile", "converse", "--voice", "Cherry"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  speech (")]
    assert line.endswith(".wav")
    assert main(["analyze", "a.jpg", "--model", "qwen-omni-turbo", "--profile", "converse", "--voice", "Tina"]) == 1
    assert "parameter_invalid" in capsys.readouterr().out
    assert len(simulator.calls()) == 1
