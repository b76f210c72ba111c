import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.provider.usage import ReportedUsage, read_usage, to_usage


def usage_of(document):
    return to_usage(read_usage(document), estimated_input_tokens=1, estimated_output_tokens=1)


def test_the_spoken_sample_of_the_seed_is_taken_as_reported():
    # 001_c4bbddce233d9b12.txt: "completion_tokens_details":{"audio_tokens":83,"text_tokens":20}
    usage = usage_of(
        {
            "prompt_tokens": 207,
            "completion_tokens": 103,
            "total_tokens": 310,
            "completion_tokens_details": {"audio_tokens": 83, "text_tokens": 20},
            "prompt_tokens_details": {"text_tokens": 207},
        }
    )
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (207, 103, 310)
    assert usage.input.model_dump() == {"text": 207, "image": 0, "video": 0, "audio": 0}
    assert usage.output.model_dump() == {"text": 20, "audio": 83, "reasoning": 0}
    assert usage.estimated.calls == 0


def test_reasoning_beside_the_text_stays_as_it_is():
    # 001_c4bbddce233d9b12.txt: 195 + 168 = 363, disjoint
    details = {"reasoning_tokens": 195, "text_tokens": 168}
    usage = usage_of({"prompt_tokens": 11, "completion_tokens": 363, "completion_tokens_details": details})
    assert usage.output.model_dump() == {"text": 168, "audio": 0, "reasoning": 195}


def test_reasoning_inside_the_text_is_taken_out_once():
    # the documentation of the chat API: text_tokens includes reasoning_tokens
    details = {"reasoning_tokens": 195, "text_tokens": 363}
    usage = usage_of({"prompt_tokens": 11, "completion_tokens": 363, "completion_tokens_details": details})
    assert usage.output.model_dump() == {"text": 168, "audio": 0, "reasoning": 195}


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (None, (None, None, None)),
        ({}, (None, None, None)),
        ({"text_tokens": 100}, (100, 0, 0)),
        ({"reasoning_tokens": 40}, (None, None, 40)),
        ({"reasoning_tokens": 100}, (0, 0, 100)),
        ({"reasoning_tokens": 0, "text_tokens": 100}, (100, 0, 0)),
        ({"text_tokens": 60, "audio_tokens": 40, "reasoning_tokens": 10}, (50, 40, 10)),
        ({"text_tokens": 70, "audio_tokens": 40, "reasoning_tokens": 10}, (None, 40, 10)),
        ({"text_tokens": 900}, (None, None, None)),
        ({"audio_tokens": 900, "reasoning_tokens": 1, "text_tokens": 2}, (None, None, None)),
        ({"text_tokens": -1, "audio_tokens": True, "reasoning_tokens": "7"}, (None, None, None)),
    ],
)
def test_output_parts_are_what_the_arithmetic_allows(details, expected):
    usage = usage_of({"prompt_tokens": 1, "completion_tokens": 100, "completion_tokens_details": details})
    assert (usage.output.text, usage.output.audio, usage.output.reasoning) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (None, (None, None, None, None)),
        ({"text_tokens": 20, "image_tokens": 80}, (20, 80, 0, 0)),
        ({"text_tokens": 20, "video_tokens": 70, "audio_tokens": 10}, (20, 0, 70, 10)),
        ({"image_tokens": 80}, (None, 80, None, None)),
        ({"text_tokens": 50, "image_tokens": 80}, (None, 80, None, None)),
        ({"image_tokens": 800}, (None, None, None, None)),
    ],
)
def test_input_parts_are_zero_only_when_the_reported_ones_make_up_the_total(details, expected):
    usage = usage_of({"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": details})
    parts = usage.input
    assert (parts.text, parts.image, parts.video, parts.audio) == expected


def test_cached_tokens_are_a_part_of_the_input_or_unknown():
    def cached(tokens):
        return usage_of(
            {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": tokens}}
        ).cached_input_tokens

    assert (cached(0), cached(100), cached(101), cached(None)) == (0, 100, None, None)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "12",
        {},
        {"prompt_tokens": 5},
        {"total_tokens": 5},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 2**53, "completion_tokens": 2},
        {"prompt_tokens": 2**53 - 1, "completion_tokens": 2},
        {"prompt_tokens": True, "completion_tokens": 2},
        {"prompt_tokens": 9, "total_tokens": 2},
    ],
)
def test_what_does_not_say_both_totals_is_no_report(document):
    assert read_usage(document) is None


def test_a_missing_total_is_taken_from_the_other_two():
    assert read_usage({"prompt_tokens": 3, "total_tokens": 10}).completion_tokens == 7
    assert read_usage({"completion_tokens": 7, "total_tokens": 10}).prompt_tokens == 3
    assert read_usage({"prompt_tokens": 3.0, "completion_tokens": 7.0}).prompt_tokens == 3


def test_a_call_without_a_report_counts_its_estimates_and_says_so():
    usage = to_usage(None, estimated_input_tokens=1_200, estimated_output_tokens=30)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.calls) == (1_200, 30, 1_230, 1)
    assert usage.estimated.model_dump() == {"calls": 1, "input_tokens": 1_200, "output_tokens": 30}
    assert usage.input.text is usage.output.text is usage.cached_input_tokens is None


def test_what_came_after_the_report_of_a_cut_call_is_added_as_estimated():
    reported = read_usage(
        {"prompt_tokens": 10, "completion_tokens": 4, "completion_tokens_details": {"text_tokens": 4}}
    )
    usage = to_usage(reported, estimated_input_tokens=99, estimated_output_tokens=9, uncounted_output_tokens=3)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 7, 17)
    assert usage.estimated.model_dump() == {"calls": 0, "input_tokens": 0, "output_tokens": 3}
    assert usage.output.text is None


TOKENS = st.none() | st.integers(min_value=0, max_value=60)


@given(
    prompt=st.integers(min_value=0, max_value=120),
    completion=st.integers(min_value=0, max_value=120),
    parts=st.tuples(TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS),
)
def test_no_report_makes_usage_that_does_not_add_up(prompt, completion, parts):
    names = ("input_text", "input_image", "input_video", "input_audio", "cached")
    names += ("output_text", "output_audio", "output_reasoning")
    reported = ReportedUsage(prompt_tokens=prompt, completion_tokens=completion, **dict(zip(names, parts, strict=True)))
    usage = to_usage(reported, estimated_input_tokens=0, estimated_output_tokens=0)
    assert usage.total_tokens == prompt + completion
    assert usage.calls == 1


@given(text=st.integers(0, 99), audio=st.integers(0, 99), reasoning=st.integers(0, 99), inclusive=st.booleans())
def test_both_conventions_for_reasoning_give_the_same_usage(text, audio, reasoning, inclusive):
    details = {
        "text_tokens": text + reasoning if inclusive else text,
        "audio_tokens": audio,
        "reasoning_tokens": reasoning,
    }
    usage = usage_of(
        {
            "prompt_tokens": 1,
            "completion_tokens": text + audio + reasoning,
            "completion_tokens_details": details,
        }
    )
    assert usage.output.model_dump() == {"text": text, "audio": audio, "reasoning": reasoning}
