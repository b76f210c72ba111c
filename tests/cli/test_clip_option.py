"""A part of a recording or film, typed in as players show times, is what the request says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from media_analysis.__main__ import main
from media_analysis.clip_option import clip_for, read_clip
from tests.simulator.films import film
from tests.simulator.servers import KEY, run_simulator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("60-180", 60.0, 180.0),
        ("1:00 - 3:00", 60.0, 180.0),
        ("0-0.5", 0.0, 0.5),
        ("0:59:30-1:02:00.25", 3570.0, 3720.25),
    ],
)
def test_times_are_read_as_players_show_them(text: str, start: float, end: float) -> None:
    assert read_clip(text) == {"start_seconds": start, "end_seconds": end}


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("60", "write start-end"),
        ("3:00-1:00", "write the earlier time first"),
        ("5-5", "write the earlier time first"),
        ("a-b", "such as 1:30"),
        ("-5-10", "no time"),
        ("1:2:3:4-9", "no time"),
        ("nan-inf", "no time"),
    ],
)
def test_what_is_no_part_is_refused_with_an_example(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        read_clip(text)


def test_pictures_have_no_parts() -> None:
    part = read_clip("1-2")
    assert (clip_for("image", part), clip_for("audio", None), clip_for("video", part)) == ({}, {}, {"clip": part})


def test_analyze_asks_about_that_part_alone_and_tells_the_times_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film(seconds=30))
    with run_simulator() as simulator:
        monkeypatch.setenv("MODEL_BASE_URL", simulator.base_url)
        monkeypatch.setenv("MODEL_API_KEY", KEY)
        options = ("--model", "qwen3.5-omni-plus", "--profile", "storyline", "--json")
        assert main(["analyze", str(path), "--clip", "0:10-0:20", *options]) == 0
        (call,) = simulator.calls()
    assert call["parts"][0]["duration_seconds"] == pytest.approx(10, abs=1.0)
    shown = {
        item["text"]: item["start_seconds"] for item in json.loads(capsys.readouterr().out)["result"]["visible_text"]
    }
    assert shown["00:00:15"] == pytest.approx(15, abs=0.5)
