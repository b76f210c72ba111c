"""A long recording on the command line: cut here, asked in segments, one answer, and nothing left on the disk."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING

import pytest

from media_analysis.__main__ import main
from tests.simulator.servers import KEY, run_simulator
from tests.system.long_media import talk

if TYPE_CHECKING:
    from pathlib import Path


def test_analyze_asks_about_a_long_recording_in_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "talk.wav").write_bytes(talk(300))
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    with run_simulator() as running:
        monkeypatch.setenv("MODEL_BASE_URL", running.base_url)
        monkeypatch.setenv("MODEL_API_KEY", KEY)
        assert main(["analyze", "talk.wav", "--model", "qwen3.5-omni-plus", "--profile", "subtitles", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["outcome"], done["media"][0]["delivery"], len(done["segments"])) == ("succeeded", "segmented", 3)
    starts = [cue["start_seconds"] for cue in done["result"]["cues"]]
    assert starts == pytest.approx(list(range(0, 300, 20)), abs=0.1)
    [folder] = (tmp_path / "scratch").glob("media-analysis-scratch-*")
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_folder_that_cannot_be_written_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "talk.wav").write_bytes(talk(3))
    (tmp_path / "scratch").write_text("no folder")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    assert main(["analyze", str(tmp_path / "talk.wav"), "--model", "qwen3.5-omni-plus"]) != 0
    assert "TMPDIR" in capsys.readouterr().err
