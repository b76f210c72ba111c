"""The page of the profiles against the profiles: each has its row, with what it takes, and every key its meaning."""

from __future__ import annotations

import re
from pathlib import Path

from analysis_worker import profiles

TEXT = (Path(__file__).parents[1] / "docs" / "profiles.md").read_text("utf-8")
KINDS = ("text", "image", "audio", "video", "frames")


def rows(head):
    lines = TEXT.partition(f"| {head} |")[2].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines]


def test_every_profile_has_a_row_that_says_what_it_takes():
    told = {name.strip("`"): kinds for name, kinds, _ in rows("profile")}
    shipped = profiles.load_profiles().by_name
    assert told == {
        name: ", ".join(kind for kind in KINDS if kind in profile.kinds) for name, profile in sorted(shipped.items())
    }
    assert list(told) == sorted(told)


def test_the_rows_say_which_is_the_default_and_which_has_subtitle_files():
    told = {name.strip("`"): meaning for name, _, meaning in rows("profile")}
    for name, profile in profiles.load_profiles().by_name.items():
        assert ("default" in told[name]) == bool(profile.default_for), name
        assert ("WebVTT" in told[name]) == (profile.subtitles is not None), name


def test_every_key_of_a_profile_is_explained():
    source = Path(profiles.__file__).read_text("utf-8").partition("class _ProfileFile")[2].partition("\n\n\n")[0]
    keys = set(re.findall(r"^    (\w+): ", source, re.MULTILINE))
    assert {name.strip("`") for name, _ in rows("key")} == keys
