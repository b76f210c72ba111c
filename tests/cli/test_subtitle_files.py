"""Subtitles on the command line: two files in the current folder, said by name, that a player opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from media_analysis.__main__ import main
from tests.simulator.samples import recording
from tests.simulator.servers import KEY, run_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "a.wav").write_bytes(recording(4))
    monkeypatch.chdir(tmp_path)
    with run_simulator() as running:
        monkeypatch.setenv("MODEL_BASE_URL", running.base_url)
        monkeypatch.setenv("MODEL_API_KEY", KEY)
        yield


def test_analyze_leaves_both_forms_in_the_current_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "a.wav", "--model", "qwen3.5-omni-plus", "--profile", "subtitles", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    cues = done["result"]["cues"]
    assert [artifact["role"] for artifact in done["artifacts"]] == ["srt", "webvtt"]
    for artifact in done["artifacts"]:
        path = Path(artifact["key"])
        assert (path.parent, path.stat().st_size) == (Path.cwd(), artifact["size_bytes"])
        with av.open(str(path), format=artifact["role"]) as file:
            assert len([packet for packet in file.demux() if packet.size]) == len(cues) > 0


def test_a_person_is_told_where_they_lie(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "a.wav", "--model", "qwen3-omni-flash", "--profile", "lyrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if line.startswith(("  srt (", "  webvtt ("))]
    assert [Path(line).suffix for line in told] == [".srt", ".vtt"]
    assert [line.rpartition(": local/")[2] for line in told] == sorted(map(str, Path.cwd().glob("subtitles-*")))
