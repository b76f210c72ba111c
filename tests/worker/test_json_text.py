import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.json_text import MAX_DEPTH, MAX_INTEGER, take_json
from analysis_worker.errors import AnalysisError, AnswerEmpty, AnswerNotJson, AnswerWrongShape

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    value=JSON, indent=st.sampled_from([None, 0, 2]), around=st.text(" \t\r\n", max_size=3), ascii_only=st.booleans()
)
def test_every_json_document_is_taken_and_its_text_kept(value, indent, around, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    taken = take_json(around + text + around)
    assert taken.text == text
    assert taken.value == value


@given(st.text(max_size=30) | st.text('{}[]",:\\0123eE+-. ntf\ud800', max_size=30))
def test_no_text_leads_anywhere_but_to_a_value_or_a_leaf(text):
    try:
        taken = take_json(text)
    except (AnswerEmpty, AnswerNotJson, AnswerWrongShape):
        return
    assert json.loads(taken.text) == taken.value


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff"])
def test_no_text_is_an_empty_answer(text):
    with pytest.raises(AnswerEmpty):
        take_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "The picture shows a dog.",
        'Here it is: {"a": 1}',
        '{"a": 1} I hope this helps.',
        '```json\n{"a": 1}\n```',
        '{"a": 1}{"b": 2}',
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e400}',
        '{"a": 01}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        '{"a": "line\nbreak"}',
        '{"a": "b',
        '{"a": 1',
        '"',
        '"\\',
        "\u00a0{}",
    ],
)
def test_what_is_not_wholly_one_json_document_is_refused(text):
    with pytest.raises(AnswerNotJson):
        take_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' twice"),
        ('[{"a": 1, "\\u0061": 2}]', "'a' twice"),
        (f'{{"a": {MAX_INTEGER + 1}}}', "9007199254740992"),
        (f"[{-MAX_INTEGER - 1}]", "-9007199254740992"),
        ("9" * 100_000, r"beyond 2\^53-1"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "levels deep"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "levels deep"),
    ],
)
def test_json_that_readers_would_disagree_on_is_a_wrong_shape(text, said):
    with pytest.raises(AnswerWrongShape, match=said):
        take_json(text)


def test_brackets_inside_strings_do_not_nest():
    value = {"a": "[" * 1_000 + '\\"' + "{" * 1_000, "b": ["]" * 300] * 300}
    assert take_json(json.dumps(value)).value == value


def test_a_message_does_not_quote_the_answer():
    with pytest.raises(AnswerNotJson) as caught:
        take_json("my secret answer")
    assert "secret" not in str(caught.value)


def test_numbers_keep_their_kind():
    assert repr(take_json("[1, 1.0, -0, 1e2]").value) == "[1, 1.0, 0, 100.0]"


HOSTILE = {
    "quotes": lambda n: '"' * n,
    "escaped quotes": lambda n: '"' + '\\"' * (n // 2),
    "backslashes": lambda n: '"' + "\\" * n,
    "open strings": lambda n: '{"a' * (n // 3),
    "brackets": lambda n: "[]" * (n // 2),
    "one long string": lambda n: '"' + "x" * n + '"',
    "many keys": lambda n: "{" + ",".join(f'"{i}":1' for i in range(n // 8)) + "}",
    "digits": lambda n: "[" + "1" * n + "]",
    "spaces": lambda n: " " * n + "x",
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_time_grows_with_the_length_and_no_faster(shape):
    def seconds(length):
        text = HOSTILE[shape](length)
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            with suppress(AnalysisError):
                take_json(text)
            best = min(best, time.process_time() - started)
        return best

    # Quadratic would be 64 times as long; the slack is for a busy machine.
    assert seconds(400_000) < 8 * 3 * seconds(50_000) + 0.05
