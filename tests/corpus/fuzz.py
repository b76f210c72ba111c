"""`python -m tests.corpus.fuzz [--seconds S] [--seed N]`: broken bytes into the stream decoder, the event decoder, the JSON taker.

Each round takes a good input, breaks it in a few places and asks for what must hold of any input: nothing but our own
errors comes out, chunk boundaries make no difference, and a text that was taken is a part of what was given. What is
found prints its seed; seeds that found something stay in SEEDS and run with the tests.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Final

from analysis_worker.answers.json_inside import take_json_inside
from analysis_worker.answers.json_text import take_json
from analysis_worker.errors import AnalysisError
from analysis_worker.provider.stream import StreamReader, answer_fault
from media_contracts import ContractError, KafkaRecord, decode_completed, decode_progress, decode_requested
from tests.corpus.bad_answers import REAL, bad_answers
from tests.corpus.reading import comparable
from tests.corpus.streams import make_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEEDS: Final = tuple(range(600))
_BITS: Final = (
    b"\n\n", b"\r", b"\r\n", b"data: ", b"data:", b": x\n", b"\xef\xbb\xbf", b"[DONE]", b"\x00", b"\xff", b"\xe4\xbd", b"{", b"}",
    b"[", b"]", b'"', b"\\", b"\\u", b"\\ud83d", b",", b":", b"null", b"NaN", b"1e999", b"9" * 40, b'"error":', b'"usage":',
    b'"choices":', b'"index":[]', b"```json\n", b"\n```", b'{"error":{}}', b"-", b"\xf0\x9f\x98\x80", b"event: x\n", b"<think>",
)  # fmt: skip
_EVENT: Final = {
    "request_id": "r", "tenant": "t", "media": [{"kind": "image", "bucket": "b", "key": "k"}], "labels": {"a": "b"},
    "limits": {"max_cost": {"amount": "1.5", "currency": "CNY"}, "deadline": "2026-11-20T10:00:00Z"},
}  # fmt: skip
_HEADERS: Final = (
    ("ce_specversion", b"1.0"), ("ce_type", b"media.analysis.requested.v1"), ("ce_id", b"1"), ("ce_source", b"/s"),
    ("ce_time", b"2026-11-20T10:00:00Z"), ("content-type", b"application/json"), ("traceparent", b"00-x"),
)  # fmt: skip


def broken(random: Random, data: bytes) -> bytes:
    """The data with a few pieces changed, doubled, moved or lost."""
    found = bytearray(data)
    for _ in range(random.randrange(1, 6)):
        at, end = sorted(random.randrange(len(found) + 1) for _ in range(2))
        end = min(end, at + random.choice([1, 3, 20, 200]))
        match random.randrange(6):
            case 0:
                del found[at:end]
            case 1:
                found[at:at] = random.choice(_BITS)
            case 2:
                found[at:at] = found[at:end]
            case 3 if at < len(found):
                found[at] = random.randrange(256)
            case 4:
                found[at:end] = random.choice(_BITS)
            case _:
                del found[max(len(found) - random.randrange(1, 40), 0) :]
    return bytes(found)


def try_stream(random: Random) -> None:
    """Any bytes are an answer with an ending, the same in every chunking, and no error is a success."""
    case = make_case(random.randrange(10_000))
    wire = broken(random, case.wire[:3_000])

    def read(pieces: list[bytes]) -> object:
        reader = StreamReader(started_at=0.0, http_status=random.choice([200]))
        for piece in pieces:
            reader.feed(piece, 1.0)
        answer = reader.finish(case.end, 1.0)
        fault = answer_fault(answer)
        assert (fault is None) <= (answer.ending == "finished")
        assert answer.provider_error is None or answer.ending in {"error", "filtered"}
        return comparable(answer)

    whole = read([wire])
    cut = random.randrange(len(wire) + 1)
    assert read([wire[:cut], wire[cut:]]) == whole
    assert read([wire[i : i + 1] for i in range(len(wire))]) == whole


def try_json(random: Random) -> None:
    """Any text is a document that it holds unchanged, or one of our errors."""
    text = broken(random, random.choice(_ANSWERS)).decode("utf-8", random.choice(["replace", "surrogateescape"]))
    for take in (take_json, lambda given: take_json_inside(given, check=lambda _, **__: ())):
        try:
            taken = take(text)
        except AnalysisError:
            continue
        assert taken.text in text
        assert json.loads(taken.text) == taken.value


def try_event(random: Random) -> None:
    """Any record is an event, or a contract error."""
    value = broken(random, json.dumps(_EVENT).encode())
    headers = [(name, broken(random, text) if random.random() < 0.2 else text) for name, text in _HEADERS]
    headers = [pair for pair in headers if random.random() < 0.9]
    headers += [(random.choice(_HEADERS)[0], random.choice([None, b"", b"\xff"]))] * (random.random() < 0.1)
    for decode in (decode_requested, decode_completed, decode_progress):
        with suppress(ContractError):
            decode(KafkaRecord(topic="t", key=random.choice([None, b"\xff"]), value=value, headers=tuple(headers)))


_TARGETS: Final[tuple[Callable[[Random], None], ...]] = (try_stream, try_json, try_event)
_ANSWERS: Final = [json.dumps(value, ensure_ascii=False).encode() for value in REAL.values()] + [
    bad.text.encode("utf-8", "replace")
    for bad in bad_answers()
    if len(bad.text) < 1_500 and "truncated" not in bad.name
]


def run(seed: int) -> None:
    """One round of every target; raises what it finds."""
    for target in _TARGETS:
        target(Random(f"{target.__name__} {seed}"))


def _rounds(first: int, seconds: float) -> Iterator[int]:
    end = time.monotonic() + seconds
    seed = first
    while time.monotonic() < end:
        yield seed
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the decoders.")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1_000)
    options = parser.parse_args()
    done = found = 0
    for seed in _rounds(options.seed, options.seconds):
        done += 1
        try:
            run(seed)
        except Exception as error:  # noqa: BLE001 - whatever comes out is the finding
            found += 1
            sys.stdout.write(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}\n")
    sys.stdout.write(f"{done} rounds of {len(_TARGETS)} targets from seed {options.seed}: {found} findings\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
