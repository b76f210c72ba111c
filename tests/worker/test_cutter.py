"""Segments cut out of real films and recordings, in real child processes, read by path and by ranges over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import pytest

from analysis_worker import errors
from analysis_worker.cutting.cutter import CutLimits, CutOrder, Cutter, CutTooLarge
from analysis_worker.long_media.segments import Cut, segments_of
from analysis_worker.media.probe import PathSource, UrlSource
from tests.worker.films import film, pictures, recording, sounds

MOST_BYTES = 20_000_000


def source_of(path, kind="video"):
    return PathSource(index=0, kind=kind, size_bytes=path.stat().st_size, path=path)


async def cut(source, out, start, end, how=Cut.COPY, **order):
    wanted = {"path": out, "most_bytes": MOST_BYTES, **order}
    return await Cutter().cut(CutOrder(source=source, start_seconds=start, end_seconds=end, cut=how, **wanted))


def begins_and_ends(path):
    """Each stream's first and last instant in the piece."""
    with av.open(str(path)) as container:
        spans = {}
        for frame in container.decode():
            kind = "video" if isinstance(frame, av.VideoFrame) else "audio"
            first, _ = spans.get(kind, (float(frame.time), 0))
            spans[kind] = (first, float(frame.time))
        return spans


def require_in_step(made, *, start, end, fps=10):
    """Every picture stands where it stood in the film, and sound and picture begin together, within a picture."""
    frame = 1 / fps
    seen = pictures(made.path)
    assert abs(made.start_seconds - start) <= frame + 0.001
    assert abs(len(seen) - (end - start) * fps) <= 3
    for at, second in seen:
        absolute = made.start_seconds + at
        assert absolute - frame - 0.001 <= second + 0.999
        assert second <= absolute + frame + 0.001
    spans = begins_and_ends(made.path)
    assert abs(spans["video"][0] - spans["audio"][0]) <= max(frame, 0.07)
    assert abs(spans["video"][1] - spans["audio"][1]) <= 3 * frame + 0.07


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts", "flv"])
async def test_a_film_is_copied_from_a_key_frame_with_picture_and_sound_in_step(tmp_path, suffix):
    path = film(tmp_path / f"film.{suffix}", key_every=2)
    look = await Cutter().look(source_of(path), step_seconds=1.0)
    assert look.copies
    assert any(abs(key - 8) < 0.25 for key in look.key_frames)
    key = min(look.key_frames, key=lambda seconds: abs(seconds - 8))
    made = await cut(source_of(path), tmp_path / "out.mp4", key, 13.0)
    require_in_step(made, start=8.0, end=13.0)
    assert (made.format, made.content_type, made.size_bytes) == ("mp4", "video/mp4", made.path.stat().st_size)


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [
        ("mp4", "libx264", "aac"),
        ("avi", "mpeg4", "libmp3lame"),
        ("mkv", "libx264", "pcm_s16le"),
        ("webm", "libvpx", "libopus"),
        ("mpg", "mpeg2video", "mp2"),
    ],
)
async def test_a_film_is_encoded_where_no_key_frame_is_near(tmp_path, suffix, codec, sound):
    path = film(tmp_path / f"film.{suffix}", codec=codec, sound=sound, key_every=10)
    made = await cut(source_of(path), tmp_path / "out.mp4", 7.3, 12.1, Cut.ENCODE)
    require_in_step(made, start=7.3, end=12.1)


async def test_a_film_is_encoded_up_to_its_last_picture_whatever_its_decoder_still_holds(tmp_path):
    path = film(tmp_path / "film.mp4", seconds=6)  # with pictures that refer to later ones, as x264 makes them
    made = await cut(source_of(path), tmp_path / "piece", 0, 6, Cut.ENCODE)
    require_in_step(made, start=0, end=6)


@pytest.mark.parametrize("sound", ["aac", None])
@pytest.mark.parametrize(("start", "end", "shown"), [(0, 10, [0, 7]), (8, 13, [7]), (10, 20, [7, 14]), (22, 27, [21])])
async def test_a_slide_is_seen_in_a_segment_that_begins_while_it_stands(tmp_path, start, end, shown, sound):
    """One picture in seven seconds: a talk's slides, of which a segment may have none of its own."""
    gaps = [tick for tick in range(280) if tick % 70]
    path = film(tmp_path / "slides.mp4", seconds=28.1, gaps=gaps[:-1], sound=sound)
    made = await cut(source_of(path), tmp_path / "piece", start, end, Cut.ENCODE)
    seen = pictures(made.path)
    assert (seen[0][0], made.start_seconds) == (0, start)
    assert sorted({second for _, second in seen}) == shown
    assert end - start - 2 <= seen[-1][0] < end - start


async def test_every_picture_may_be_a_key_frame_and_the_film_long(tmp_path):
    path = film(tmp_path / "film.mkv", seconds=700, fps=30, size=(16, 16), key_every=1 / 30, sound=None)
    look = await Cutter().look(source_of(path))
    assert look.key_frames[-1] > 698


async def test_the_segments_of_a_film_together_show_every_second(tmp_path):
    path = film(tmp_path / "film.mp4", seconds=30, key_every=2, fps=5)
    look = await Cutter().look(source_of(path))
    seen = set()
    for segment in segments_of(duration_seconds=30, longest_seconds=9, key_frames=look.key_frames, overlap_seconds=1):
        made = await cut(source_of(path), tmp_path / "out.mp4", segment.start_seconds, segment.end_seconds, segment.cut)
        for at, second in pictures(made.path):
            assert int(made.start_seconds + at + 0.001) == second
            seen.add(second)
        with av.open(str(made.path)) as container:
            assert container.duration / av.time_base <= 9
    assert seen == set(range(30))


async def test_a_phone_film_stays_turned_and_gaps_between_pictures_stay(tmp_path):
    path = film(tmp_path / "film.mp4", key_every=2, rotation=90, gaps=set(range(101, 119)))
    with av.open(str(path)) as container:
        turned = next(container.decode(video=0)).rotation
    for how in Cut:
        made = await cut(source_of(path), tmp_path / "out.mp4", 8.0, 14.0, how)
        with av.open(str(made.path)) as container:
            assert next(container.decode(video=0)).rotation == turned
        times = [round(made.start_seconds + at, 1) for at, _ in pictures(made.path)]
        assert (10.0 in times, 10.5 in times, 12.0 in times) == (True, False, True)


@pytest.mark.parametrize(
    ("suffix", "codec", "form", "how"),
    [
        ("wav", "pcm_s16le", "wav", Cut.COPY),
        ("mp3", "libmp3lame", "mp3", Cut.COPY),
        ("m4a", "aac", "aac", Cut.COPY),
        ("amr", "libopencore_amrnb", "amr", Cut.COPY),
        ("3gp", "libopencore_amrnb", "amr", Cut.COPY),
        ("flac", "flac", "mp3", Cut.COPY),
        ("ogg", "libopus", "mp3", Cut.COPY),
        ("m4a", "aac", "mp3", Cut.ENCODE),
    ],
)
async def test_a_recording_is_cut_within_one_frame(tmp_path, suffix, codec, form, how):
    rate = 8000 if "amr" in codec else 16_000
    path = recording(tmp_path / f"a.{suffix}", codec=codec, rate=rate, **({"format": "mp4"} if suffix == "m4a" else {}))
    look = await Cutter().look(source_of(path, "audio"))
    assert (look.key_frames, look.copies) == (None, suffix not in {"flac", "ogg"})
    made = await cut(source_of(path, "audio"), tmp_path / "out", 7.5, 12.5, how)
    assert made.format == form
    blocks = sounds(made.path)
    frame = 0.08
    assert abs(made.start_seconds - 7.5) <= frame
    assert abs(blocks[-1][1] - blocks[0][0] - 5.0) <= 2 * frame
    loud = [peak for start, _, peak in blocks if 0.7 < start < 1.3 or 4.0 < start < 4.4]
    assert min(loud) < 3000 + 500 * 8.7 < max(loud)


async def test_a_piece_that_outgrows_its_reservation_says_so_and_leaves_no_file(tmp_path):
    path = recording(tmp_path / "a.wav")
    with pytest.raises(CutTooLarge, match="reserved"):
        await cut(source_of(path, "audio"), tmp_path / "out", 0.0, 10.0, most_bytes=50_000)
    assert not (tmp_path / "out").exists()


async def test_what_cannot_be_cut_is_refused_by_name(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no film at all" * 100)
    with pytest.raises(errors.MediaUndecodable, match=r"media\[0\]"):
        await cut(source_of(path), tmp_path / "out", 0.0, 1.0)
    with pytest.raises(errors.MediaTypeMismatch, match="no video"):
        await cut(source_of(recording(tmp_path / "a.wav", seconds=2)), tmp_path / "out", 0.0, 1.0)


async def test_a_film_that_breaks_off_gives_what_it_has_and_is_refused_beyond(tmp_path):
    whole = film(tmp_path / "a.mkv", key_every=2).read_bytes()
    path = tmp_path / "short.mkv"
    path.write_bytes(whole[: len(whole) // 2])
    made = await cut(source_of(path), tmp_path / "out.mp4", 2.0, 6.0)
    assert {second for _, second in pictures(made.path)} >= {2, 3, 4, 5}
    with pytest.raises(errors.MediaUndecodable, match=r"holds nothing|cannot be cut"):
        await cut(source_of(path), tmp_path / "out.mp4", 16.0, 20.0)


async def test_a_child_that_takes_too_long_or_is_cancelled_ends_and_leaves_no_file(tmp_path):
    path = film(tmp_path / "a.mp4", seconds=3)
    order = CutOrder(
        source=source_of(path), start_seconds=0, end_seconds=3, cut=Cut.ENCODE, path=tmp_path / "out", most_bytes=10**6
    )
    hasty = Cutter(limits=CutLimits(wall_seconds=0.01, cpu_seconds_per_second=0, bytes_per_second=1e12))
    with pytest.raises(errors.MediaUndecodable, match="took over"):
        await hasty.cut(order)
    task = asyncio.create_task(Cutter().cut(order))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (tmp_path / "out").exists()


class Store(BaseHTTPRequestHandler):
    """One object with ranges and `If-Match`."""

    def do_GET(self):
        data = self.server.data
        if self.headers.get("If-Match") != '"tag"':
            self.send_error(412)
            return
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        first, last = int(first), int(last or len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        try:
            for start in range(first, last + 1, 65536):
                self.wfile.write(data[start : min(start + 65536, last + 1)])
                self.server.sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_):
        return


def test_a_child_dies_with_a_worker_that_is_killed():
    """The child has its stdin of us, which stays open: it would wait for its job for ever."""
    child = "[sys.executable, '-m', 'analysis_worker.cutting.cut_child', '1500000000', '60', '0', str(os.getpid())]"
    script = f"import os, subprocess, sys; print(subprocess.Popen({child}).pid, flush=True); sys.stdin.read()"
    worker = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with worker:
        assert int(worker.stdout.readline()) > 0
        worker.kill()
        ended = threading.Thread(target=worker.stdout.read)  # at its end nobody has it open any more
        ended.start()
        ended.join(timeout=20)
        is_alive = ended.is_alive()
        worker.stdin.close()
        ended.join()
        assert not is_alive


async def test_a_piece_of_a_large_object_is_read_by_ranges_and_pinned_to_its_etag(tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as silence:
        silence.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(60):
            silence.writeframes(bytes(32_000 * 30))
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        server.data, server.sent = path.read_bytes(), 0
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/object"
            where = {"index": 0, "kind": "audio", "size_bytes": len(server.data), "url": url}
            pinned = UrlSource(**where, headers={"If-Match": '"tag"'})
            made = await cut(pinned, tmp_path / "out", 900.0, 930.0)
            assert made.size_bytes == pytest.approx(30 * 32_000, rel=0.01)
            assert server.sent < len(server.data) / 3
            with pytest.raises(errors.MediaChanged):
                await cut(UrlSource(**where, headers={"If-Match": '"old"'}), tmp_path / "out", 900.0, 930.0)
        finally:
            server.shutdown()
            thread.join(10)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
