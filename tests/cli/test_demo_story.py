"""The demo's story, its board and its verdicts: what is sent, how ends are matched, and that a lie would be seen."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from media_analysis.demo.board import Board, Row
from media_analysis.demo.exhibits import MADE, SAMPLES, UPLOADS
from media_analysis.demo.long_media import FILM, RECORDING, film_marks, make_long_media, recording_marks
from media_analysis.demo.pictures import film_strip, thumbnail
from media_analysis.demo.retell import tell
from media_analysis.demo.story import build_cases, raw_record
from media_analysis.demo.verdicts import judge
from media_analysis.demo.verdicts_long import judge_long
from media_analysis.demo.view import board_table, plain_line
from media_analysis.report import Check, render_report
from media_contracts import AnalysisCompleted, ContractError, KafkaRecord, decode_requested
from model_simulator.listen import listen, watch
from model_simulator.rule_table import load_rules
from tests.cli.stories import NOON, ended, in_segments, span, succeeded, usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media_analysis.demo.cases import Case

TRACES = {number: f"{number:032x}" for number in range(1, 100)}


def told_in_segments(case: Case) -> AnalysisCompleted:
    items = [{"start_seconds": seconds, "text": f"a sign: {words}"} for words, seconds in case.marks]
    return in_segments(case.name, result={"items": items, "note": "n"}, failed=None)


def played() -> Board:
    """A board on which everything went as it should."""
    board = Board(build_cases("t"))
    for row in board.rows:
        case = row.case
        number = case.repeats or case.number
        completion_id = f"id-{number}" if case.request else None
        board.announced(
            case.number, completion_id=completion_id, trace_id=TRACES[case.number], span_id="a" * 16, at=case.number
        )
        board.received(case.number, origin=f"t[0]@{case.number}")
        if case.request is None:
            board.dead(f"t[0]@{case.number}", reason="not_json", message="m", at=100)
            continue
        outcome = case.expected.outcomes[0]
        done = (
            told_in_segments(case)
            if case.marks
            else succeeded(case.name)
            if outcome == "succeeded"
            else ended(outcome, case.expected.codes[0], "m", case.name)
        )
        if case.request.progress:
            board.progressed(case.name, [], at=case.number + 1)
            board.progressed(case.name, ["/storyline/0"], at=case.number + 2)
        done = done.model_copy(update={"trace_id": TRACES[number]})
        board.completed(
            completion_id,
            done,
            KafkaRecord(topic="c", key=b"k", value=done.model_dump_json().encode()),
            at=10**10 + case.number,
        )
    return board


def checks(board: Board, *, strays: int = 0, calls: int | None = None, worker_exit: int | None = 0) -> dict[str, Check]:
    paid = sum(row.completion.usage.calls for row in board.rows if row.completion and not row.case.repeats)
    found = judge(board.rows, strays=strays, calls_paid=paid if calls is None else calls, worker_exit=worker_exit)
    return {check.claim: check for check in found}


def with_long(board: Board, change: Callable[[AnalysisCompleted], AnalysisCompleted]) -> list[Row]:
    """The rows, with the completion of the first long medium changed."""
    first = next(row for row in board.rows if row.case.marks)
    return [
        replace(row, completion=change(row.completion)) if row is first and row.completion else row
        for row in board.rows
    ]


def broken(found: dict[str, Check]) -> list[str]:
    return [check.claim for check in found.values() if not check.holds]


def test_the_story_has_every_kind_of_ending_and_of_media() -> None:
    cases = build_cases("t")
    assert len(cases) >= 12
    assert [case.number for case in cases] == list(range(1, len(cases) + 1))
    kinds = {item.kind for case in cases if case.request for item in case.request.media}
    assert kinds == {"image", "audio", "video"}
    assert {outcome for case in cases for outcome in case.expected.outcomes} == {
        "succeeded",
        "failed",
        "rejected",
        "dead letter",
    }
    assert len({case.request.tenant for case in cases if case.request}) == 2


def test_a_repeat_is_the_very_same_request() -> None:
    cases = {case.number: case for case in build_cases("t")}
    repeats = [case for case in cases.values() if case.repeats]
    assert {case.after_answer for case in repeats} == {True, False}
    assert all(case.request == cases[case.repeats].request for case in repeats)


def test_every_object_that_has_to_be_there_is_uploaded_from_a_sample_that_exists() -> None:
    assert all((SAMPLES / name).is_file() for name in UPLOADS.values() if name not in MADE)
    wanted = {item.key for case in build_cases("t") if case.request for item in case.request.media}
    assert wanted - set(UPLOADS) == {"demo/nothing.png", "demo/plans.png"}


def test_what_is_no_request_is_none() -> None:
    with pytest.raises(ContractError, match="not_json"):
        decode_requested(raw_record(b"analyse the coffee please"))


def test_when_all_went_well_every_claim_holds() -> None:
    assert broken(checks(played())) == []


def test_a_call_that_was_paid_twice_is_seen() -> None:
    assert broken(checks(played(), calls=99)) == ["No call was paid twice, none is missing from the bill"]


def test_an_end_too_many_is_seen() -> None:
    assert broken(checks(played(), strays=1)) == ["Every record ended exactly once"]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(lambda items: items[:-1], id="left out"),
        pytest.param(lambda items: [*items, items[-1]], id="told twice"),
        pytest.param(lambda items: [*items[:-1], items[-1] | {"start_seconds": 30.0}], id="at the segment's own time"),
    ],
)
def test_a_long_medium_that_is_told_at_other_times_than_its_own_is_seen(told) -> None:
    def change(done: AnalysisCompleted) -> AnalysisCompleted:
        return done.model_copy(update={"result": {"items": told(done.result["items"])}})

    found = judge_long(with_long(played(), change), simulated=True)
    assert [check.claim for check in found if not check.holds] == [
        "What is in a long medium, or a part of one, is told once, at its own time"
    ]
    assert all(check.holds for check in judge_long(with_long(played(), change), simulated=False))


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({"segments": ()}, "Long media were analysed in segments and answered in one"),
        ({"coverage": "partial"}, "Long media were analysed in segments and answered in one"),
        ({"usage": usage()}, "The bill of long media is the sum of their calls, told for each segment"),
    ],
)
def test_a_long_medium_that_was_not_cut_or_not_counted_is_seen(change, claim) -> None:
    found = judge_long(with_long(played(), lambda done: done.model_copy(update=change)), simulated=True)
    assert [check.claim for check in found if not check.holds] == [claim]


def test_an_answer_of_which_nothing_was_told_before_its_end_is_seen() -> None:
    claim = "The first valid field of an answer came long before its end"
    for change in ({"first_fields_nanoseconds": None}, {"first_fields_nanoseconds": 10**10}):
        rows = [
            replace(row, **change) if row.case.request and row.case.request.progress else row for row in played().rows
        ]
        found = judge(rows, strays=0, calls_paid=None, worker_exit=0)
        assert [check.claim for check in found if not check.holds] == [claim]


def test_a_worker_that_did_not_drain_is_seen() -> None:
    assert broken(checks(played(), worker_exit=-9)) == ["SIGTERM drained the worker"]


def test_a_record_without_an_end_is_seen() -> None:
    board = Board(build_cases("t"))
    assert {"Every case ended as expected", "Every record ended exactly once"} <= set(broken(checks(board)))


def test_a_repeat_with_other_bytes_is_seen() -> None:
    board = played()
    rows = [replace(row, record=replace(row.record, value=b"{}")) if row.case.repeats else row for row in board.rows]
    found = judge(rows, strays=0, calls_paid=None, worker_exit=0)
    assert [check.claim for check in found if not check.holds] == ["A repeated request got the recorded completion"]


def test_a_completion_in_a_foreign_trace_is_seen() -> None:
    board = played()
    rows = [replace(row, trace_id="f" * 32) if row.case.number == 3 else row for row in board.rows]
    found = judge(rows, strays=0, calls_paid=None, worker_exit=0)
    assert [check.claim for check in found if not check.holds] == ["Every completion continues its requester's trace"]


def test_a_refusal_for_another_reason_than_expected_is_seen() -> None:
    board = played()
    rows = [
        replace(row, completion=ended("rejected", "internal_error", "m"))
        if row.case.title.startswith("A bucket")
        else row
        for row in board.rows
    ]
    assert not all(row.as_expected for row in rows)


def test_a_completion_goes_to_the_row_in_whose_trace_it_was_published() -> None:
    board = Board(build_cases("t"))
    for number in (1, 2):
        board.announced(number, completion_id="same", trace_id=TRACES[number], span_id="a" * 16, at=1)
    header = ("traceparent", f"00-{TRACES[2]}-{'b' * 16}-01".encode())
    (row,) = board.completed("same", succeeded(), KafkaRecord(topic="c", key=None, value=b"", headers=(header,)), at=2)
    assert row.case.number == 2
    (row,) = board.completed("same", succeeded(), KafkaRecord(topic="c", key=None, value=b"", headers=(header,)), at=3)
    assert row.case.number == 1
    assert board.completed("same", succeeded(), KafkaRecord(topic="c", key=None, value=b""), at=4) == ()


def test_a_stage_moves_only_rows_that_were_sent_and_have_not_ended() -> None:
    board = Board(build_cases("t"))
    assert board.entered("t-describe", "plan") == ()
    board.announced(1, completion_id="same", trace_id=TRACES[1], span_id="a" * 16, at=1)
    assert [row.case.number for row in board.entered("t-describe", "plan")] == [1]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_the_table_fits_every_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    console.print(board_table(played().rows, title="t", width=width))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert all("succeeded" in line for line in lines if "Describe a" in line)
    if width >= 80:
        assert "0.007116 CNY" in "\n".join(lines)


def test_a_low_terminal_shows_what_is_going_on() -> None:
    board = played()
    rows = (*board.rows[:-1], replace(board.rows[-1], completion=None, ended_nanoseconds=None, stage="ask"))
    console = Console(width=120, file=io.StringIO())
    console.print(board_table(rows, title="t", width=120, lines=14))
    text = console.file.getvalue()
    assert len(text.splitlines()) <= 14
    assert "█████░░░ ask" in text
    assert "more that have ended" in text


def test_a_plain_line_tells_the_outcome_and_the_cost() -> None:
    assert (
        plain_line(played().row(1), seconds=1.5)
        == "  1.50 s   1 Describe a photograph: succeeded  468 in, 96 out, 0.007116 CNY"
    )


@pytest.mark.parametrize(
    "name", ["coffee.png", "rocket.jpg", "text.png", "bigbuckbunny.mp4", "sense_and_sensibility.wav"]
)
def test_every_sample_has_a_small_thumbnail(name: str) -> None:
    picture = thumbnail(SAMPLES / name)
    assert picture.data_uri.startswith("data:image/jpeg;base64,")
    assert 1000 < len(picture.data_uri) < 100_000


def test_the_report_has_the_traces_with_the_requesters_own_span() -> None:
    board = played()
    told = tell(
        board.rows,
        spans=(span("process media.analysis.requested.v1", 0, 1, trace=TRACES[1]),),
        pictures={},
        checks=(),
        made_at=NOON,
        simulated=True,
        answers_from="",
        seconds=1,
        calls_counted=1,
        notes=(),
    )
    assert [one.name for one in told.entries[0].spans] == ["the demo waits", "process"]
    assert told.entries[1].duplicate_of == 1
    assert "the demo waits" in render_report(told)


def test_a_film_s_pictures_are_of_its_own_times() -> None:
    strip = film_strip(SAMPLES / "bigbuckbunny.mp4")
    assert [picture.caption for picture in strip] == ["0:00", "0:01", "0:02", "0:03", "0:04", "0:05"]
    assert len({picture.data_uri for picture in strip}) == 6


def test_the_long_media_show_and_sound_what_their_marks_say(tmp_path: Path) -> None:
    made = make_long_media(tmp_path)
    clip, recording = watch(made[FILM].read_bytes(), load_rules()), listen(made[RECORDING].read_bytes(), load_rules())
    assert [(moment.words, moment.start_seconds) for moment in clip.clock] == list(film_marks())
    assert [(moment.words[-6:], round(moment.start_seconds)) for moment in recording.sounds] == list(recording_marks())
    assert all(path.stat().st_size < 2 * 1024 * 1024 for path in made.values())
    assert len({picture.data_uri for picture in film_strip(made[FILM])}) == 6
