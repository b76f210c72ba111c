"""Subtitles as files: what is written is read back by a parser of ours and by FFmpeg's, cue by cue."""

from __future__ import annotations

import hashlib
import html
import io
import json
import re
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.subtitles import Cue, are_cues, read_cues, to_srt, to_webvtt, write_subtitles
from analysis_worker.profiles import load_profiles

EXAMPLE = Path(__file__).parents[2] / "contracts/examples/completed/v1/valid/subtitles.json"
ITEMS = [
    {"start_seconds": 12.68, "end_seconds": 16.96, "text": "貓線繞過樹搖晃的月光"},  # 001_c4bbddce233d9b12.txt
    {"start_seconds": 18.4, "end_seconds": 22.8, "text": "Tom & <i>Jerry</i>\n\n -- said"},
    {"start_seconds": 3_605.0005, "end_seconds": 3_605, "text": "00:00:01 --\ufeff> 00:00:02"},
    {"start_seconds": 3_700, "end_seconds": 3_701, "text": " \n "},
]


def test_srt_is_numbered_with_a_comma_before_the_milliseconds():
    assert to_srt(read_cues(ITEMS)) == (
        "1\n00:00:12,680 --> 00:00:16,960\n貓線繞過樹搖晃的月光\n\n"
        "2\n00:00:18,400 --> 00:00:22,800\nTom & <i>Jerry</i>\n-- said\n\n"
        "3\n01:00:05,000 --> 01:00:05,001\n00:00:01 → 00:00:02\n\n"
    )


def test_webvtt_has_its_head_and_escapes_what_is_markup():
    assert to_webvtt(read_cues(ITEMS)) == (
        "WEBVTT\n\n"
        "00:00:12.680 --> 00:00:16.960\n貓線繞過樹搖晃的月光\n\n"
        "00:00:18.400 --> 00:00:22.800\nTom &amp; &lt;i&gt;Jerry&lt;/i&gt;\n-- said\n\n"
        "01:00:05.000 --> 01:00:05.001\n00:00:01 → 00:00:02\n"
    )


def test_without_cues_there_is_an_empty_file():
    assert (to_srt(()), to_webvtt(())) == ("", "WEBVTT\n")


TIMES = st.floats(0, 40_000, allow_nan=False)
CUES = st.lists(
    st.fixed_dictionaries({"start_seconds": TIMES, "end_seconds": TIMES, "text": st.text(max_size=30)}), max_size=6
)
CUE = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})$")


def parse(text, *, numbered):
    """Blocks between empty lines, as the simplest reader does; lines end with a line feed alone."""
    cues = []
    for block in text.split("\n\n"):
        lines = block.rstrip("\n").split("\n")[1 if numbered else 0 :]
        if match := CUE.match(lines[0] if lines else ""):
            h, m, s, ms, h2, m2, s2, ms2 = map(int, match.groups())
            start, end = ((h * 60 + m) * 60 + s) * 1_000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1_000 + ms2
            said = "\n".join(lines[1:])
            cues.append(Cue(start_ms=start, end_ms=end, text=said if numbered else html.unescape(said)))
    return tuple(cues)


@given(CUES)
def test_what_is_written_is_read_back(items):
    cues = read_cues(items)
    assert parse(to_srt(cues), numbered=True) == cues
    for cue in cues:
        assert cue.end_ms > cue.start_ms
        assert cue.text.strip()
    assert [cue.start_ms for cue in cues] == sorted(cue.start_ms for cue in cues)
    written = to_webvtt([Cue(start_ms=c.start_ms, end_ms=c.end_ms, text=html.escape("x")) for c in cues])
    assert len(parse(written, numbered=False)) == len(cues)
    assert to_webvtt(cues).count("-->") == to_srt(cues).count("-->") == len(cues)


@pytest.mark.parametrize(("write", "form"), [(to_srt, "srt"), (to_webvtt, "webvtt")])
def test_ffmpeg_reads_every_cue(write, form):
    cues = read_cues(ITEMS)
    with av.open(io.BytesIO(write(cues).encode()), format=form) as container:
        packets = [packet for packet in container.demux() if packet.size]
    found = [
        (round(packet.pts * packet.time_base * 1_000), round(packet.duration * packet.time_base * 1_000))
        for packet in packets
    ]
    assert found == [(cue.start_ms, cue.end_ms - cue.start_ms) for cue in cues]


def cue(start, end, text="a"):
    return {"start_seconds": start, "end_seconds": end, "text": text}


def test_cues_that_begin_before_the_one_above_are_put_in_order():
    found = read_cues([cue(3, 4, "c"), cue(1, 2, "a"), cue(1, 9, "b")])
    assert [one.text for one in found] == ["a", "b", "c"]


def test_both_files_have_what_an_artifact_tells():
    written = write_subtitles({"deep": {"cues": [cue(0, 1.5, "Hé")]}}, "/deep/cues")
    assert written.warnings == ()
    assert [(file.role, file.content_type, file.suffix, file.body.decode()) for file in written.files] == [
        ("srt", "application/x-subrip", ".srt", "1\n00:00:00,000 --> 00:00:01,500\nHé\n\n"),
        ("webvtt", "text/vtt", ".vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHé\n"),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "no list at /cues"),
        ([], "no list at /cues"),
        ({"cues": {"0": {}}}, "no list at /cues"),
        ({"cues": [cue(0, 1), "two"]}, "/cues/1/start_seconds is no number"),
        ({"cues": [cue(0, None)]}, "/cues/0/end_seconds is no number"),
        ({"cues": [cue(True, 1)]}, "/cues/0/start_seconds is no number"),
        ({"cues": [cue(0, 1e308)]}, "/cues/0/end_seconds is 1e+308"),
        ({"cues": [cue(-1e308, 1)]}, "/cues/0/start_seconds is -1e+308"),
        ({"cues": [cue(0, 1, None)]}, "/cues/0/text is no text"),
    ],
)
def test_what_cannot_be_subtitles_is_a_warning_that_says_where(value, said):
    written = write_subtitles(value, "/cues")
    assert written.files == ()
    [warning] = written.warnings
    assert (warning.code, warning.path) == ("subtitles_missing", None)
    assert said in warning.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(cue(0, 0))), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_answer_has_both_files_or_one_warning(value):
    written = write_subtitles({"cues": value}, "/cues")
    assert (len(written.files), len(written.warnings)) in {(2, 0), (0, 1)}


def test_the_profiles_that_have_subtitle_files_say_so():
    named = {name: load_profiles().get(name).subtitles for name in load_profiles().names}
    assert {name: pointer for name, pointer in named.items() if pointer} == {"subtitles": "/cues", "lyrics": "/lines"}


@pytest.mark.parametrize("pointer", ["/cues/x", "/language", "/nothing"])
def test_a_schema_says_where_its_cues_are(pointer):
    schema = load_profiles().get("subtitles").schema.document
    assert are_cues(schema, "/cues")
    assert not are_cues(schema, pointer)
    assert not are_cues(load_profiles().get("storyline").schema.document, "/transcript")


def test_the_contracts_example_is_what_would_be_written():
    example = json.loads(EXAMPLE.read_text("utf-8"))
    written = write_subtitles(example["result"], "/cues")
    assert load_profiles().get("subtitles").schema.faults(example["result"]) == ()
    assert [(one["role"], one["content_type"], one["size_bytes"], one["sha256"]) for one in example["artifacts"]] == [
        (file.role, file.content_type, len(file.body), hashlib.sha256(file.body).hexdigest()) for file in written.files
    ]
