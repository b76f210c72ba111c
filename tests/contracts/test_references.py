"""What a completion refers to is read back whole and unchanged, or refused."""

from __future__ import annotations

import hashlib
import io
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_contracts import (
    Artifact,
    ContractError,
    ReferenceCheck,
    ReferenceMismatch,
    ResultRef,
    find_artifact,
    read_reference,
    read_result,
)
from tests.contracts.readme import run_block
from tests.contracts.strategies import a_completion

BODY = json.dumps({"description": "一杯咖啡", "score": 1.5}, ensure_ascii=False).encode()


def reference(body=BODY, **change):
    facts = {
        "bucket": "results",
        "key": "t/r.json",
        "sha256": hashlib.sha256(body).hexdigest(),
        "size_bytes": len(body),
    }
    return ResultRef(**(facts | change))


def store(body=BODY, *, piece=7):
    def read(bucket, key):
        assert (bucket, key) == ("results", "t/r.json")
        return body if piece is None else [body[i : i + piece] for i in range(0, len(body), piece)]

    return read


def referring(ref, *artifacts):
    return a_completion().model_copy(update={"result": None, "result_ref": ref, "artifacts": artifacts})


@given(body=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_any_object_is_read_back_in_whatever_pieces_it_comes(body, cuts):
    borders = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
    pieces = [body[a:b] for a, b in itertools.pairwise(borders)]
    assert read_reference(reference(body), lambda *_: pieces) == body
    assert read_reference(reference(body), lambda *_: body) == body
    assert read_reference(reference(body), lambda *_: bytearray(body)) == body
    assert read_reference(reference(body), lambda *_: io.BytesIO(body)) == body


@given(body=st.binary(min_size=1, max_size=100), at=st.integers(0, 99), flip=st.integers(1, 255))
def test_one_byte_that_differs_is_refused(body, at, flip):
    changed = bytearray(body)
    changed[at % len(body)] ^= flip
    with pytest.raises(ReferenceMismatch, match="SHA-256"):
        read_reference(reference(body), lambda *_: bytes(changed))


@pytest.mark.parametrize("found", [b"", BODY[:-1], BODY + b" ", BODY * 2])
def test_an_object_of_another_size_is_refused(found):
    with pytest.raises(ReferenceMismatch, match="bytes"):
        read_reference(reference(), store(found))


def test_an_endless_object_is_left_after_the_first_chunk_too_many():
    given_out = []

    def endless():
        while True:
            given_out.append(1)
            yield b"x" * 10

    with pytest.raises(ReferenceMismatch, match="more than"):
        read_reference(reference(), lambda *_: endless())
    assert len(given_out) == len(BODY) // 10 + 1


def test_the_refusal_names_the_object_and_what_to_do():
    with pytest.raises(ReferenceMismatch, match=r"results/t/r\.json .*do not use it") as caught:
        read_reference(reference(), store(b""))
    assert caught.value.reference == reference()


def test_what_the_store_raises_comes_through():
    def read(bucket, key):
        raise TimeoutError(key)

    with pytest.raises(TimeoutError):
        read_reference(reference(), read)


def test_a_result_is_read_from_wherever_it_lies():
    assert read_result(referring(reference()), store()) == json.loads(BODY)
    inside = a_completion()
    assert read_result(inside, lambda *_: b"never read") == inside.result


def test_a_result_that_is_no_json_is_no_result():
    with pytest.raises(ContractError, match="not_json"):
        read_result(referring(reference(b"{")), lambda *_: b"{")


def test_a_request_that_did_not_succeed_has_no_result_to_read():
    failed = a_completion().model_copy(update={"outcome": "failed", "result": None})
    with pytest.raises(ValueError, match="failed"):
        read_result(failed, store())


def test_an_artifact_is_found_by_its_role_and_checked_alike():
    srt = Artifact(role="srt", content_type="application/x-subrip", **reference().model_dump(exclude={"content_type"}))
    done = referring(reference(), srt)
    assert find_artifact(done, "srt") == srt
    assert find_artifact(done, "webvtt") is None
    assert read_reference(srt, store(piece=None)) == BODY
    assert run_block("read_large").read_large(done, store()) == (json.loads(BODY), BODY.decode())
    with pytest.raises(SystemExit, match="not what the event refers to"):
        run_block("read_large").read_large(done, store(b"x"))


@pytest.mark.parametrize("role", ["srt", "webvtt"])
def test_subtitles_are_read_back_whole_or_refused(role):
    body = b"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello\n"
    facts = reference(body).model_dump(exclude={"content_type"})
    done = a_completion().model_copy(update={"artifacts": (Artifact(role=role, content_type="text/vtt", **facts),)})
    artifact = find_artifact(done, role)
    assert read_reference(artifact, store(body)) == body
    for other in (body[:-1], body.replace(b"Hello", b"Jello"), b""):
        with pytest.raises(ReferenceMismatch):
            read_reference(artifact, store(other))


def test_subtitles_that_show_nothing_are_read_back_as_no_bytes():
    facts = reference(b"").model_dump(exclude={"content_type"})
    done = referring(reference(), Artifact(role="srt", content_type="application/x-subrip", **facts))
    assert read_reference(find_artifact(done, "srt"), store(b"")) == b""


def test_a_check_passes_the_chunks_on_for_those_who_await_them():
    check = ReferenceCheck(reference())
    assert b"".join(check.take(BODY[i : i + 5]) for i in range(0, len(BODY), 5)) == BODY
    check.finish()
    with pytest.raises(ReferenceMismatch):
        check.take(b"x")
