"""A spoken answer as a file: whatever pieces it comes in, it opens with the `wave` module and holds every sample."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import tracemalloc
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.cutting.scratch import ScratchSpace
from analysis_worker.provider.stream import StreamReader
from analysis_worker.wav import HEADER_BYTES, SpeechLost, WavFile, spoken_file


def begin(file: WavFile, most_bytes: int = 1_000_000) -> None:
    asyncio.run(file.make_room(most_bytes))
    file.begin()


def opened(file: WavFile) -> wave.Wave_read:
    return wave.open(io.BytesIO(b"".join(file.chunks())))


@given(pieces=st.lists(st.binary(max_size=300), max_size=20))
def test_how_it_is_cut_into_pieces_makes_no_difference(pieces):
    sound = b"".join(pieces)
    with WavFile() as file:
        begin(file)
        for piece in pieces:
            file.write(piece)
        if len(sound) < 2:
            with pytest.raises(SpeechLost):
                file.finish()
            return
        facts = file.finish().facts
        whole = b"".join(file.chunks())
        with opened(file) as read:
            assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, 24_000)
            assert read.readframes(read.getnframes()) == sound[: len(sound) // 2 * 2]
            assert facts.duration_seconds == read.getnframes() / 24_000
        assert (facts.size_bytes, facts.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_a_call_that_is_made_again_begins_anew():
    with WavFile() as file:
        begin(file)
        file.write(b"\x01" * 4_001)
        file.begin()
        file.write(b"\x02\x03")
        assert file.finish().facts.size_bytes == HEADER_BYTES + 2
        with opened(file) as read:
            assert read.readframes(10) == b"\x02\x03"


def test_what_is_beyond_the_bound_is_lost_as_a_whole_and_said():
    with WavFile() as file:
        begin(file, 10)
        file.write(b"\x00" * 8)
        file.write(b"\x00" * 3)
        file.write(b"\x00")
        with pytest.raises(SpeechLost, match="more than 10 bytes"):
            file.finish()
        file.begin()
        file.write(b"\x00" * 10)
        assert file.finish().facts.size_bytes == HEADER_BYTES + 10


def test_silence_of_the_model_is_no_file():
    with WavFile() as file, pytest.raises(SpeechLost, match="without a sound"):
        file.finish()


def test_the_file_has_no_name_that_a_crash_could_leave_behind(tmp_path):
    with WavFile(directory=tmp_path) as file:
        begin(file)
        file.write(b"\x00" * 100_000)
        assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_nothing_loses_the_speech_and_nothing_else(tmp_path):
    with WavFile(directory=tmp_path / "gone") as file:
        begin(file)
        file.write(b"\x00" * 10)
        with pytest.raises(SpeechLost, match="TMPDIR"):
            file.finish()
        assert list(file.chunks()) == []


async def test_its_room_is_taken_from_the_scratch_space_once_and_given_back():
    scratch = ScratchSpace(total_bytes=1_000)
    async with spoken_file(scratch) as file:
        assert scratch.used_bytes == 0
        for _ in range(3):
            await file.make_room(400)
            file.begin()
            file.write(b"\x00" * 400)
            assert scratch.used_bytes == 400
        async with spoken_file(scratch) as large:
            waiting = asyncio.create_task(large.make_room(10_000))  # as much as there is, and no more
            await asyncio.sleep(0)
            assert scratch.waiting == 1
            waiting.cancel()
        assert scratch.used_bytes == 400
    assert scratch.used_bytes == 0


def test_a_long_speech_takes_no_more_memory_than_a_short_one():
    sound = base64.b64encode(bytes(24_000)).decode()
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"audio": {"data": sound}}}]})
    event = f"data: {chunk}\n\n".encode()
    with WavFile() as file:
        begin(file, 200_000_000)
        reader = StreamReader(started_at=0, on_audio=file.write)
        reader.feed(event * 10, 1)
        tracemalloc.start()
        try:
            for _ in range(1_000):
                reader.feed(event, 1)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1_000_000
        assert file.finish().facts.duration_seconds == 1_010 / 2
