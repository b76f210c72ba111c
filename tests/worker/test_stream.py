import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker import errors
from analysis_worker.provider.stream import StreamReader, answer_fault

USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def chunk(*, delta=None, finish=None, usage=None, **extra):
    choices = [] if delta is None and finish is None else [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "model": "qwen3.5-omni-plus", "choices": choices, "usage": usage} | extra


def wire(*documents, done=True):
    events = [f"data: {json.dumps(document, ensure_ascii=False)}\n\n" for document in documents]
    return ("".join(events) + ("data: [DONE]\n\n" if done else "")).encode()


def read(*pieces, end="closed", **options):
    reader = StreamReader(started_at=100.0, **options)
    for number, piece in enumerate(pieces, start=1):
        reader.feed(piece, 100.0 + number)
    return reader.finish(end, 200.0)


HELLO = [
    chunk(delta={"role": "assistant", "content": ""}),
    chunk(delta={"content": "你好"}),
    chunk(delta={"content": "!"}),
]
STOP, LENGTH = chunk(delta={"content": ""}, finish="stop"), chunk(delta={}, finish="length")
TALLY = chunk(usage=USAGE)


def test_a_whole_stream_is_finished_with_text_usage_and_times():
    answer = read(wire(HELLO[0], done=False), wire(*HELLO[1:], done=False), wire(STOP, TALLY))
    assert (answer.text, answer.ending, answer.finish_reason) == ("你好!", "finished", "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 5)
    assert (answer.response_id, answer.model, answer.chunks) == ("chatcmpl-1", "qwen3.5-omni-plus", 5)
    assert (answer.first_token_seconds, answer.stream_seconds) == (2.0, 1.0)
    assert answer_fault(answer) is None


def test_feeding_returns_the_text_that_each_chunk_added():
    reader = StreamReader(started_at=0.0)
    assert reader.feed(wire(*HELLO, done=False), 1.0) == "你好!"
    assert reader.first_token_at == 1.0
    assert not reader.done
    assert reader.feed(wire(STOP, TALLY), 2.0) == ""
    assert reader.done


def test_the_thinking_sample_of_the_seed_keeps_reasoning_and_text_apart():
    # 001_c4bbddce233d9b12.txt, with its misprinted keys and lines that lack the blank line between events
    lines = [
        '{"choices":[{"delta":{"content":null,"role":"assistant","reasoning_content":""},"index":0,"logprobs":null,"finish_reason":null}],"object":"chat.completion.chunk","usage":null,"created":1757937336,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d"}',
        '{"choices":[{"finish_reason":null,"logprobs":null,"delta":{"content":null,"reasoning_content":"嗯"},"index":0}],"usage":null,"reated":1757937336,"model":"qwen3-omni-flash","id":"chatcmpl-ce3d"}',
        '{"choices":[{"delta":{"content":"告訴我"},"finish_reason":null,"index":0,"logprobs":null}],"usage":null,"tem_fingerprint":null,"id":"chatcmpl-ce3d"}',
        '{"choices":[{"finish_reason":"stop","delta":{"content":"","reasoning_content":null},"index":0,"logprobs":null}],"usage":null}',
        '{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":363,"total_tokens":374,"completion_tokens_details":{"reasoning_tokens":195,"text_tokens":168},"prompt_tokens_details":{"text_tokens":11}}}',
    ]
    for blank in ("\n", "\n\n"):
        answer = read("".join(f"data: {line}{blank}" for line in lines).encode())
        assert (answer.reasoning, answer.text, answer.ending) == ("嗯", "告訴我", "finished")
        assert (answer.usage.output_text, answer.usage.output_reasoning) == (168, 195)
        assert answer.chunks == 5


def test_a_length_limit_is_truncated_and_never_finished():
    answer = read(wire(*HELLO, LENGTH, TALLY))
    assert answer.ending == "truncated"
    assert type(answer_fault(answer)) is errors.AnswerTruncated


@pytest.mark.parametrize("end", ["closed", "cut", "stopped"])
@pytest.mark.parametrize("done", [True, False])
def test_no_finish_reason_is_cut_however_the_stream_ended(end, done):
    answer = read(wire(*HELLO, TALLY, done=done), end=end)
    assert (answer.ending, answer.text) == ("cut", "你好!")
    assert type(answer_fault(answer)) is errors.StreamCut


def test_silence_before_the_finish_reason_is_stalled():
    answer = read(wire(*HELLO, done=False), end="stalled")
    assert answer.ending == "stalled"
    assert type(answer_fault(answer)) is errors.StreamStalled


@pytest.mark.parametrize("end", ["closed", "cut", "stalled"])
def test_what_breaks_after_the_finish_reason_costs_the_usage_only(end):
    answer = read(wire(*HELLO, STOP, done=False), end=end)
    assert (answer.ending, answer.usage) == ("finished", None)


@pytest.mark.parametrize("reason", ["tool_calls", "abort", "eos"])
def test_a_finish_reason_that_we_did_not_ask_for_finishes_nothing(reason):
    assert read(wire(*HELLO, chunk(delta={}, finish=reason))).ending == "cut"


MORE = chunk(delta={"content": " And"})


@pytest.mark.parametrize("reasons", [("length", "stop"), ("stop", "length"), ("length", "tool_calls", "stop")])
def test_an_answer_of_which_one_part_is_truncated_is_truncated(reasons):
    answer = read(wire(*HELLO, *(chunk(delta={}, finish=reason) for reason in reasons), TALLY))
    assert (answer.ending, answer.finish_reason) == ("truncated", "length")


@pytest.mark.parametrize("end", ["cut", "stalled", "stopped"])
def test_a_finish_reason_does_not_vouch_for_what_comes_after_it(end):
    answer = read(wire(*HELLO, chunk(delta={}, finish="stop", usage=USAGE), MORE, done=False), end=end)
    assert answer.ending == ("stalled" if end == "stalled" else "cut")
    assert answer.uncounted.text == " And"


@pytest.mark.parametrize(("rest", "end"), [({"done": True}, "cut"), ({"done": False}, "closed")])
def test_what_comes_after_a_finish_reason_is_whole_by_the_end_of_the_stream(rest, end):
    answer = read(wire(*HELLO, STOP, MORE, TALLY, **rest), end=end)
    assert (answer.ending, answer.text) == ("finished", "你好! And")
    again = read(wire(*HELLO, STOP, MORE, STOP, done=False), end="cut")
    assert again.ending == "finished"


@pytest.mark.parametrize("place", range(6))
def test_usage_counts_wherever_it_stands(place):
    documents = [*HELLO, STOP]
    if place == 5:
        documents = [document | {"usage": {**USAGE, "completion_tokens": n}} for n, document in enumerate(documents, 2)]
    else:
        documents.insert(place, TALLY)
    answer = read(wire(*documents))
    assert (answer.usage.completion_tokens, answer.ending) == (5, "finished")


@pytest.mark.parametrize("place", range(5))
def test_an_error_object_at_any_point_is_an_error(place):
    documents = [*HELLO, STOP]
    documents.insert(
        place, {"error": {"code": "limit_requests", "message": "You exceeded …", "type": "limit_requests"}}
    )
    answer = read(wire(*documents))
    assert answer.ending == "error"
    assert type(answer.provider_error) is errors.ProviderThrottled
    assert answer_fault(answer) is answer.provider_error


def test_an_error_of_moderation_is_filtered():
    refusal = {"error": {"code": "data_inspection_failed", "message": "Output data may contain inappropriate content."}}
    answer = read(wire(*HELLO, refusal))
    assert answer.ending == "filtered"
    assert type(answer_fault(answer)) is errors.ContentFiltered
    by_reason = read(wire(*HELLO, chunk(delta={}, finish="content_filter")))
    assert type(answer_fault(by_reason)) is errors.ContentFiltered


def test_a_plain_json_body_under_200_is_understood():
    error = read(b'{"error": {"code": "InvalidParameter", "message": "no"}, "request_id": "1"}')
    assert (error.ending, type(error.provider_error)) == ("error", errors.ProviderRefused)
    whole = {
        "id": "c",
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    answer = read(json.dumps(whole).encode())
    assert (answer.text, answer.ending, answer.usage.prompt_tokens) == ("hi", "finished", 11)


def test_finished_without_a_word_is_empty():
    answer = read(wire(chunk(delta={"content": None}), STOP, TALLY))
    assert (answer.ending, answer.first_token_seconds, answer.stream_seconds) == ("finished", None, None)
    assert type(answer_fault(answer)) is errors.AnswerEmpty
    assert read(b"").ending == "cut"


@pytest.mark.parametrize(
    "noise",
    [
        b": keep-alive\n\n",
        b"data: \n\n",
        b"data: null\n\n",
        b"data: [1, 2]\n\n",
        b"data: ping\n\n",
        b'data: {"choices": null}\n\n',
        b'data: {"choices": [null, 7, {"delta": 5}]}\n\n',
        b'data: {"choices": [{"index": [], "delta": {"content": "other"}}]}\n\n',
        b'data: {"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]}\n\n',
        b'data: {"choices": [{"delta": {"content": {"a": 1}, "audio": "x", "reasoning_content": 5}}]}\n\n',
        b'data: {"usage": "many", "id": 7, "model": null, "service_tier": {}}\n\n',
        b"<html>\n\n",
    ],
)
def test_noise_changes_nothing(noise):
    answer = read(noise + wire(*HELLO, done=False) + noise + wire(STOP, TALLY, done=False) + noise)
    assert (answer.text, answer.ending, answer.usage.prompt_tokens) == ("你好!", "finished", 11)


@pytest.mark.parametrize(
    "lost",
    [
        b'data: {"choices": [{"index": 0, "delta": {"conte\n\n',
        b'data: {"choices": [{"index": 0, "delta": {"content": "\xe4\xbd"}}]}\n\n',
        b'data: {"choices": []}\ndata: {"choices": [{"delta"\n\n',
    ],
)
def test_an_event_that_is_no_json_has_lost_a_part_of_the_answer(lost):
    answer = read(wire(*HELLO, done=False) + lost + wire(STOP, TALLY))
    assert (answer.ending, type(answer.provider_error)) == ("error", errors.ProviderUnavailable)
    assert answer.usage.completion_tokens == 5  # the tally is read all the same


def test_nothing_after_the_end_marker_or_an_error_counts():
    refusal = {"error": {"message": "internal error", "code": "internal_error"}}
    for end in (wire(), wire(refusal, done=False)):
        whole = read(wire(*HELLO, done=False) + end + wire(STOP, TALLY))
        assert (whole.finish_reason, whole.usage) == (None, None)
        assert read(wire(*HELLO, done=False), end, wire(STOP, TALLY)).ending == whole.ending


def counted(completion, prompt=11, **details):
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return usage | ({"completion_tokens_details": details} if details else {})


def test_what_came_after_the_last_report_of_a_cut_stream_is_uncounted():
    pieces = [chunk(delta={"content": word}, usage=counted(n)) for n, word in enumerate(["one ", "two "], 1)]
    late = chunk(delta={"reasoning_content": "hm", "content": "three"})
    answer = read(wire(*pieces, late, done=False), end="cut")
    assert (answer.usage.completion_tokens, answer.uncounted.text, answer.uncounted.reasoning) == (2, "three", "hm")
    assert read(wire(*pieces, done=False), end="cut").uncounted.text == ""
    assert read(wire(*pieces, late, STOP)).uncounted.text == "three"  # the last report was one of a series
    assert read(wire(*HELLO, done=False), end="cut").uncounted.text == "你好!"
    sound = chunk(delta={"audio": {"data": "AAAA", "transcript": "la"}})
    silent = read(wire(sound, chunk(usage=counted(9)), sound, done=False), end="cut")
    assert (silent.uncounted.text, silent.uncounted.audio_bytes) == ("la", 3)


def test_a_report_of_no_output_counts_none_of_what_was_said():
    nothing, all_of_it = chunk(usage=counted(0)), chunk(usage=counted(5))
    answer = read(wire(*HELLO, STOP, nothing, nothing))
    assert (answer.ending, answer.usage.prompt_tokens, answer.uncounted.text) == ("finished", 11, "你好!")
    assert read(wire(*HELLO, STOP, chunk(usage=counted(0, prompt=0)))).usage is None
    assert read(wire(nothing, *HELLO, STOP, all_of_it)).uncounted.text == ""


def test_one_report_before_the_last_piece_of_a_finished_answer_is_the_whole():
    answer = read(wire(*HELLO[:2], TALLY, HELLO[2], STOP))
    assert (answer.usage.completion_tokens, answer.uncounted.text) == (5, "")


def test_a_report_that_takes_back_what_was_counted_is_not_believed():
    for last in ({**USAGE, "completion_tokens": 0}, counted(0, 0), counted(5)):
        detailed = chunk(usage=counted(5, text_tokens=5))
        assert read(wire(*HELLO, STOP, detailed, chunk(usage=last))).usage.output_text == 5


def test_a_plain_body_is_read_up_to_its_bound_however_it_comes():
    body = b"\xef\xbb\xbf" + json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
    assert read(body).text == "hi"
    long = body + b" " * 1024 * 1024
    assert read(long).ending == read(*(long[i : i + 4096] for i in range(0, len(long), 4096))).ending == "finished"


def test_half_an_event_at_the_end_is_nothing():
    whole = wire(*HELLO, STOP, done=False)
    for missing in range(4, 40):
        assert read(whole[:-missing], end="cut").ending == "cut"


def test_spoken_sound_goes_to_the_sink_and_is_counted():
    heard = []
    sound = bytes(range(256)) * 3
    text = base64.b64encode(sound).decode()
    pieces = [text[i : i + 101] for i in range(0, len(text), 101)]
    deltas = [chunk(delta={"audio": {"data": piece, "expires_at": 1, "id": "audio_1"}}) for piece in pieces]
    answer = read(wire(*HELLO, *deltas, STOP, TALLY), on_audio=heard.append)
    assert b"".join(heard) == sound
    assert (answer.audio_bytes, answer.text, answer.ending) == (len(sound), "你好!", "finished")


def test_the_words_of_a_spoken_answer_may_come_as_transcript():
    spoken = [chunk(delta={"audio": {"transcript": word}}) for word in ("Good ", "day")]
    assert read(wire(*spoken, STOP)).text == "Good day"
    assert read(wire(*HELLO, *spoken, STOP)).text == "你好!"


def test_sound_that_is_no_base64_is_an_error():
    for text in ("x===", "音音音音"):
        answer = read(wire(chunk(delta={"audio": {"data": text}}), STOP))
        assert (answer.ending, type(answer.provider_error)) == ("error", errors.ProviderUnavailable)


def test_sound_whose_pieces_are_padded_one_by_one_is_whole():
    pieces = [chunk(delta={"audio": {"data": base64.b64encode(part).decode()}}) for part in (b"a", b"bc", b"def")]
    assert read(wire(*pieces, STOP)).audio_bytes == 6


def test_an_endless_line_is_an_error_and_not_our_memory():
    reader = StreamReader(started_at=0.0)
    for _ in range(9):
        reader.feed(b"x" * 1024 * 1024, 1.0)
    answer = reader.finish("closed", 2.0)
    assert (answer.ending, reader.done) == ("error", True)
    assert type(answer.provider_error) is errors.ProviderUnavailable


DOCUMENTS = st.sampled_from(
    [*HELLO, STOP, LENGTH, TALLY, chunk(delta={"reasoning_content": "hm 🎬"}), {"error": {"code": "x"}}]
)


@settings(max_examples=60)
@given(documents=st.lists(DOCUMENTS, max_size=8), done=st.booleans(), cut=st.integers(min_value=0, max_value=60))
def test_an_answer_does_not_depend_on_chunk_boundaries(documents, done, cut):
    stream = wire(*documents, done=done)
    stream = stream[: len(stream) - cut]

    def answer(chunks):
        reader = StreamReader(started_at=0.0)
        for piece in chunks:
            reader.feed(piece, 1.0)
        found = reader.finish("cut", 1.0)
        fault = found.provider_error
        return (type(fault), str(fault)), {
            name: getattr(found, name) for name in found.__slots__ if name != "provider_error"
        }

    whole = answer([stream])
    assert answer([stream[i : i + 1] for i in range(len(stream))]) == whole
    assert answer([stream[i : i + 7] for i in range(0, len(stream), 7)]) == whole
