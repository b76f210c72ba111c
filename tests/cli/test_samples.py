"""The demo's media: each file is listed with its origin, and is the file that was listed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import media_analysis

SAMPLES = Path(media_analysis.__file__).parent / "samples"
README = (SAMPLES / "README.md").read_text("utf-8")
FILES = {path.name: path for path in SAMPLES.iterdir() if path.suffix not in {".md", ".py"} and path.is_file()}


def test_every_sample_is_listed_with_author_licence_and_origin() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in README.splitlines() if line.startswith("| `")]
    assert {row[0].strip("`") for row in rows} == set(FILES)
    assert all(len(row) == 5 and all(row) for row in rows), rows


def test_every_sample_has_the_bytes_that_were_listed() -> None:
    listed = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", README, re.MULTILINE)}
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in FILES.items()}


def test_the_samples_are_photographs_a_voice_and_a_film_and_stay_small() -> None:
    suffixes = [path.suffix for path in FILES.values()]
    assert sum(suffix in {".png", ".jpg"} for suffix in suffixes) >= 4
    assert ".wav" in suffixes
    assert ".mp4" in suffixes
    assert sum(path.stat().st_size for path in FILES.values()) < 3_000_000
