"""Every bad answer leads to the rung that is written beside it; the ladder ends, costs what it may, and is quick."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker import errors
from analysis_worker.answers.ladder import (
    MOST,
    AskFallback,
    AskLonger,
    AskWithFaults,
    AskWithLessMedia,
    ContinueFrom,
    GiveUp,
    LeaveToRetry,
    Means,
    Rung,
    remedy,
    require_end,
    rung_of,
    take_inside,
    tried_in,
)
from analysis_worker.answers.schemas import compile_schema
from analysis_worker.provider.stream import Answer, answer_fault
from analysis_worker.provider.usage import ReportedUsage
from analysis_worker.validate import checker, validate
from analysis_worker.values import Findings
from media_contracts import Attempt, Usage
from tests.corpus.bad_answers import REAL, bad_answers

AMPLE = Means(
    max_output_tokens=2_048, card_max_output_tokens=65_536, calls_left=4, seconds_left=600.0, has_fallback=True
)
NOTHING_LEFT = dataclasses.replace(AMPLE, calls_left=0)
ENDINGS = {"stop": "finished", "length": "truncated", "content_filter": "filtered"}
SCHEMA = compile_schema({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})


def answer_of(text, *, finish_reason="stop", output_tokens=50):
    return Answer(
        text=text, reasoning="", finish_reason=finish_reason or None, ending=ENDINGS.get(finish_reason, "cut"),
        usage=ReportedUsage(prompt_tokens=9, completion_tokens=output_tokens), response_id=None, model=None,
        first_token_seconds=None, stream_seconds=None, chunks=1, audio_bytes=0, provider_error=None,
    )  # fmt: skip


def fault_of(answer, schema):
    """What the line finds wrong: the ending first, then the text."""
    fault = answer_fault(answer)
    if fault is not None:
        return fault
    try:
        validate(answer, schema=schema)
    except errors.AnalysisError as error:
        return error
    return None


def step(answer, *, schema=SCHEMA, means=AMPLE, tried=()):
    fault = fault_of(answer, schema)
    if isinstance(fault, errors.AnswerNotJson):
        try:
            return take_inside(fault, answer=answer, max_output_tokens=means.max_output_tokens, check=checker(schema))
        except errors.AnalysisError as found:
            fault = found
    return fault and remedy(fault, answer=answer, tried=tried, means=means)


CASES = list(bad_answers())


@pytest.fixture(scope="module")
def climbed():
    found = []
    for bad in CASES:
        answer = answer_of(bad.text, finish_reason=bad.finish_reason, output_tokens=bad.output_tokens)
        found.append((bad, step(answer, schema=bad.schema), step(answer, schema=bad.schema, means=NOTHING_LEFT)))
    return found


def test_every_bad_answer_leads_to_its_rung(climbed):
    names = [
        (bad.name, "Accepted" if found is None else type(found).__name__, bad.expected) for bad, found, _ in climbed
    ]
    assert [name for name in names if name[1] != name[2]] == []


def test_the_corpus_is_large_and_has_every_kind(climbed):
    kinds = Counter(bad.expected for bad in CASES)
    assert sum(kinds.values()) - kinds["Accepted"] > 300
    assert sum("truncated at" not in bad.name for bad in CASES) > 300
    assert set(kinds) == {"Accepted", "Findings", "AskWithFaults", "AskLonger", "GiveUp", "LeaveToRetry"}


def test_what_is_taken_from_inside_is_the_models_own_text(climbed):
    for bad, found, _ in climbed:
        if isinstance(found, Findings):
            assert found.json_text == bad.taken, bad.name


def test_no_fragment_is_ever_a_success(climbed):
    for bad, found, _ in climbed:
        if "truncated at" in bad.name:
            assert found is not None, bad.name
            assert not isinstance(found, Findings), bad.name


def test_with_nothing_left_an_answer_is_taken_or_given_up_under_its_own_code(climbed):
    for bad, ample, left in climbed:
        if isinstance(left, GiveUp):
            assert isinstance(left.fault, errors.Failed), bad.name
        else:
            assert type(left) is type(ample), bad.name


def test_a_wrong_shape_is_asked_for_again_with_its_faults_by_path_and_only_once():
    found = step(answer_of('{"a": "x"}'))
    assert [fault.path for fault in found.faults] == ["/a"]
    assert isinstance(step(answer_of('{"a": "x"}'), tried=[Rung.FAULTS]), AskFallback)
    alone = dataclasses.replace(AMPLE, has_fallback=False)
    last = step(answer_of('{"a": "x"}'), tried=[Rung.FAULTS], means=alone)
    assert (type(last), last.fault.code) == (GiveUp, "answer_wrong_shape")
    inside = step(answer_of('```json\n{"a": "x"}\n```'))
    assert [fault.path for fault in inside.faults] == ["/a"]


def test_a_truncated_answer_climbs_from_prefix_to_limit_to_less_media_to_another_model():
    means = dataclasses.replace(AMPLE, can_continue=True, can_lessen=True)
    half, tried, seen = answer_of('{"a": ', finish_reason="length"), [], []
    while not isinstance(found := step(half, means=means, tried=tried), AskFallback):
        seen.append(found)
        tried.append(rung_of(found))
        if isinstance(found, AskLonger):
            means = dataclasses.replace(means, max_output_tokens=found.max_output_tokens)
    assert [type(one) for one in seen] == [ContinueFrom] * 3 + [AskLonger] * 3 + [AskWithLessMedia]
    assert seen[0].prefix == '{"a": '
    assert [one.max_output_tokens for one in seen[3:6]] == [4_096, 8_192, 16_384]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"card_max_output_tokens": 2_048}, AskFallback),
        ({"card_max_output_tokens": 2_300}, AskFallback),
        ({"card_max_output_tokens": 2_560}, AskLonger),
        ({"affordable_tokens": 3_000}, AskLonger),
        ({"affordable_tokens": 2_100}, AskFallback),
        ({"affordable_tokens": 2_100, "can_lessen": True}, AskWithLessMedia),
        ({"affordable_tokens": 0, "can_lessen": True, "can_continue": True, "has_fallback": False}, GiveUp),
        ({"seconds_left": 5.0, "call_seconds": 5.0}, GiveUp),
        ({"calls_left": 0}, GiveUp),
        ({"card_max_output_tokens": 2_048, "has_fallback": False}, GiveUp),
    ],
)
def test_budget_deadline_tries_and_the_card_bound_what_a_truncated_answer_may_cost(change, expected):
    found = step(answer_of("{", finish_reason="length"), means=dataclasses.replace(AMPLE, **change))
    assert type(found) is expected
    if expected is AskLonger:
        assert found.max_output_tokens <= min(
            change.get("affordable_tokens", 10**6), change.get("card_max_output_tokens", 10**6)
        )


def test_a_budget_that_does_not_pay_for_another_answer_ends_it():
    poor = dataclasses.replace(AMPLE, affordable_tokens=2_047, has_fallback=False)
    assert isinstance(step(answer_of("prose"), means=poor), GiveUp)
    assert isinstance(step(answer_of('{"a": 1} prose'), means=poor), Findings)


def test_filtered_input_ends_at_once_and_a_broken_call_is_left_to_the_retries():
    assert step(answer_of('{"a": 1}', finish_reason="content_filter")).fault.code == "content_filtered"
    assert type(step(answer_of('{"a": 1}', finish_reason=""))) is LeaveToRetry
    unreachable = errors.ProviderUnreachable("x")
    assert type(remedy(unreachable, answer=None, tried=(), means=NOTHING_LEFT)) is LeaveToRetry


def test_reasoning_does_not_count_towards_the_answers_limit():
    answer = answer_of("prose", output_tokens=3_000)
    assert isinstance(step(answer), AskLonger)
    thought = ReportedUsage(prompt_tokens=1, completion_tokens=3_000, output_reasoning=2_950)
    assert isinstance(step(dataclasses.replace(answer, usage=thought)), AskWithFaults)


def test_words_that_have_just_the_tokens_of_their_limit_are_truncated_whatever_is_said():
    with pytest.raises(errors.AnswerTruncated, match="100 tokens"):
        require_end(answer_of("Half a sen", output_tokens=100), 100)
    spoken = ReportedUsage(prompt_tokens=1, completion_tokens=100, output_audio=60)
    require_end(dataclasses.replace(answer_of("A whole one."), usage=spoken), 100)
    for tokens in (99, 101):  # one that ignores the limit goes beyond it
        require_end(answer_of("A whole one.", output_tokens=tokens), 100)
    require_end(dataclasses.replace(answer_of("A whole one."), usage=None), 100)


@given(
    text=st.sampled_from([bad.text for bad in CASES if len(bad.text) < 500][::37]),
    reason=st.sampled_from(["stop", "length", "content_filter", ""]),
    can_continue=st.booleans(),
    can_lessen=st.booleans(),
    has_fallback=st.booleans(),
    affordable=st.none() | st.integers(0, 10_000),
    calls=st.integers(0, 30),
)
def test_the_ladder_always_ends(text, reason, can_continue, can_lessen, has_fallback, affordable, calls):
    means = Means(
        max_output_tokens=2_048, card_max_output_tokens=8_192, calls_left=calls, seconds_left=60.0, can_lessen=can_lessen,
        can_continue=can_continue, has_fallback=has_fallback, affordable_tokens=affordable,
    )  # fmt: skip
    tried = []
    while (found := step(answer_of(text, finish_reason=reason), means=means, tried=tried)) is not None:
        if isinstance(found, Findings) or rung_of(found) in {None, Rung.FALLBACK}:
            break
        tried.append(rung_of(found))
        means = dataclasses.replace(means, calls_left=means.calls_left - 1)
    assert len(tried) <= min(sum(MOST.values()), calls)
    assert all(tried.count(rung) <= most for rung, most in MOST.items())


def test_what_was_tried_is_read_from_the_attempts():
    made = [
        Attempt(number=1, kind="analysis", model="a", outcome="x", usage=Usage.none(), basis="reported", reason=reason)
        for reason in (None, "retry", "longer", "faults", "mixed")
    ]
    assert tried_in(made) == (Rung.LONGER, Rung.FAULTS)


HOSTILE = {
    "open brackets": lambda n: "x" + "[" * n,
    "balanced brackets": lambda n: "x" + "[" * (n // 2) + "]" * (n // 2),
    "pairs": lambda n: "x" + "[]" * (n // 2),
    "braces and prose": lambda n: "{x} " * (n // 4),
    "good documents": lambda n: '{"a":1} ' * (n // 8),
    "wrong documents": lambda n: '{"a":"b"} ' * (n // 10),
    "duplicates": lambda n: '{"a":1,"a":2} ' * (n // 14),
    "quotes": lambda n: "[" + '"' * n,
    "backslashes": lambda n: '["' + "\\" * n,
    "one long string": lambda n: 'x{"a": "' + "y" * n + '"}',
    "fences": lambda n: "```json\n" * (n // 8),
    "a large document": lambda n: 'x{"a": [' + "1," * (n // 2) + "1]}",
    "digits": lambda n: 'x{"a": ' + "9" * n + "}",
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_time_grows_with_the_length_and_no_faster(shape):
    def seconds(length):
        answer, best = answer_of(HOSTILE[shape](length)), float("inf")
        for _ in range(3):
            started = time.process_time()
            step(answer)
            best = min(best, time.process_time() - started)
        return best

    # Quadratic would be 64 times as long; the slack is for a busy machine.
    assert seconds(200_000) < 8 * 3 * seconds(25_000) + 0.05


def test_the_real_answers_are_good():
    assert {bad.name.split()[0] for bad in CASES} == set(REAL)
