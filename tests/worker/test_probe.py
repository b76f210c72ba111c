"""The probe: real files of every sort through real child processes, and what becomes of a child that dies."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import resource
import signal
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest
import pytest_asyncio
from PIL import Image

from analysis_worker import errors
from analysis_worker.catalogue import load_catalogue
from analysis_worker.limits import check_item
from analysis_worker.media.probe import (
    HEAD_BYTES,
    HeadSource,
    HeadTooShort,
    PathSource,
    ProbeLimits,
    ProbePool,
    UrlSource,
    join_frames,
    probe,
)
from tests.worker.media_files import deep_tiff_with_directory_behind

# One pool for all: starting children is most of what these tests would cost.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool():
    async with ProbePool(children=2) as started:
        yield started


def picture(form, mode="RGB", size=(64, 48), **options):
    out = io.BytesIO()
    Image.new(mode, size).save(out, form, **options)
    return out.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width, height):
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


def wav(seconds=1.0, rate=8000, channels=1):
    data = bytes(2 * channels * int(seconds * rate))
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt \x10\0\0\0"
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


def film(path, *, sound=True, rotation=0, seconds=2, size=(64, 48), fps=10):
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        if rotation:
            video.set_display_rotation(rotation)
        audio = out.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number in range(seconds * fps):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if audio is not None:
            for number in range(seconds * 8000 // 1000):
                block = av.AudioFrame(format="fltp", layout="mono", samples=1000)
                block.planes[0].update(bytes(block.planes[0].buffer_size))
                block.sample_rate, block.pts = 8000, number * 1000
                out.mux(audio.encode(block))
            out.mux(audio.encode())
    return path


async def look(pool, data, kind="image", size_bytes=None):
    size = len(data) if size_bytes is None else size_bytes
    return await probe(HeadSource(index=0, kind=kind, size_bytes=size, head=data), pool=pool)


@pytest.mark.parametrize(
    ("data", "form", "content_type"),
    [
        (picture("JPEG"), "jpeg", "image/jpeg"),
        (picture("JPEG", "CMYK"), "jpeg", "image/jpeg"),
        (picture("JPEG", "L"), "jpeg", "image/jpeg"),
        (picture("PNG", "RGBA"), "png", "image/png"),
        (picture("PNG", "P"), "png", "image/png"),
        (picture("TIFF", "I;16"), "tiff", "image/tiff"),
        (picture("GIF", "P"), "gif", "image/gif"),
        (picture("BMP"), "bmp", "image/bmp"),
        (picture("WEBP"), "webp", "image/webp"),
        (picture("WEBP", lossless=True), "webp", "image/webp"),
        (picture("WEBP", "RGBA"), "webp", "image/webp"),
        (
            picture("WEBP", save_all=True, append_images=[Image.new("RGB", (64, 48), "red")]),
            "webp",
            "image/webp",
        ),
        (picture("AVIF"), "avif", "image/avif"),
    ],
)
async def test_a_picture_is_known_by_its_bytes(pool, data, form, content_type):
    found = await look(pool, data)
    assert (found.format, found.content_type) == (form, content_type)
    assert (found.width, found.height, found.rotation_degrees) == (64, 48, 0)
    assert (found.kind, found.size_bytes) == ("image", len(data))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "sides", "degrees"), [(1, (64, 48), 0), (3, (64, 48), 180), (6, (48, 64), 90), (8, (48, 64), 270)]
)
async def test_the_exif_orientation_swaps_the_sides(pool, form, orientation, sides, degrees):
    found = await look(pool, picture(form, exif=turned(orientation)))
    assert ((found.width, found.height), found.rotation_degrees) == (sides, degrees)


async def test_the_first_bytes_of_a_large_picture_are_enough(pool):
    data = picture("JPEG", size=(3000, 2000), exif=b"Exif\0\0" + bytes(60_000))
    found = await look(pool, data[:70_000], size_bytes=len(data))
    assert (found.width, found.height, found.size_bytes) == (3000, 2000, len(data))


async def test_a_header_beyond_the_given_bytes_asks_for_more(pool):
    data = picture("JPEG", exif=b"Exif\0\0" + bytes(60_000))
    with pytest.raises(HeadTooShort, match="1,000"):
        await look(pool, data[:1000], size_bytes=len(data))
    assert HEAD_BYTES > 65_536


async def test_a_directory_behind_the_samples_is_found_by_ranges_of_the_url_or_in_the_file(pool, store, tmp_path):
    path = deep_tiff_with_directory_behind(tmp_path / "scan.tif", size=(1500, 2000))
    store.RequestHandlerClass.data = data = path.read_bytes()
    with pytest.raises(HeadTooShort):
        await look(pool, data[:HEAD_BYTES], size_bytes=len(data))
    local = PathSource(index=0, kind="image", size_bytes=len(data), path=path)
    for source in (local, at(store, "/object", kind="image", size_bytes=len(data))):
        found = await probe(source, pool=pool)
        assert (found.content_type, found.width, found.height) == ("image/tiff", 1500, 2000)
        assert (found.sample_bits, found.size_bytes) == (16, len(data))
    assert len(store.reads) <= 3  # 6 MB, of which the first and the last bytes are wanted


async def test_a_picture_at_a_url_is_read_by_ranges_and_the_stores_answers_keep_their_meaning(pool, store):
    store.RequestHandlerClass.data = data = picture("JPEG")
    found = await probe(at(store, "/object", kind="image", size_bytes=len(data)), pool=pool)
    assert (found.width, found.height, found.sample_bits) == (64, 48, None)
    for path, tag, fault in (("/missing", '"tag"', errors.MediaMissing), ("/object", '"other"', errors.MediaChanged)):
        with pytest.raises(fault):
            await probe(at(store, path, tag, kind="image", size_bytes=len(data)), pool=pool)
    with pytest.raises(errors.StoreUnavailable):
        await probe(at(store, "/away", kind="image", size_bytes=len(data)), pool=pool)


async def test_a_picture_of_900_million_pixels_is_named_by_its_sides_without_being_decoded(pool):
    found = await look(pool, png_header(30_000, 30_000))
    assert (found.width, found.height) == (30_000, 30_000)
    with pytest.raises(errors.MediaDimensions, match="30000 x 30000"):
        check_item(load_catalogue().card("qwen3.5-omni-plus"), found, "inline")


@pytest.mark.parametrize(
    ("data", "fault", "words"),
    [
        (b"this is my holiday photo, honestly\n" * 20, errors.MediaUndecodable, "it is text"),
        ("Grüße aus dem Urlaub\n".encode() * 40, errors.MediaUndecodable, "it is text"),
        (b"\0" * 500, errors.MediaUndecodable, "known format"),
        (wav(), errors.MediaTypeMismatch, "audio/wav"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", errors.MediaTypeMismatch, "video/mp4"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", errors.MediaUndecodable, "image/heic"),
        (picture("JPEG")[:40], errors.MediaUndecodable, "jpeg"),
        (picture("PNG")[:20], errors.MediaUndecodable, "png"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100, errors.MediaUndecodable, "png"),
        (b"GIF89a", errors.MediaUndecodable, "gif"),
        (b"II*\0\xff\xff\xff\x7f", errors.MediaUndecodable, "tiff"),
        (b"RIFF\x10\0\0\0WEBPVP8X", errors.MediaUndecodable, "WebP"),
        (png_header(0, 10), errors.MediaUndecodable, "png"),
    ],
)
async def test_what_is_no_picture_is_refused_by_name(pool, data, fault, words):
    with pytest.raises(fault, match=words) as caught:
        await look(pool, data)
    assert type(caught.value) is fault


async def test_an_object_without_bytes_is_empty(pool):
    with pytest.raises(errors.MediaEmpty):
        await look(pool, b"")


async def test_a_bad_picture_spoils_nothing_for_the_next(pool):
    for _ in range(3):
        with pytest.raises(errors.MediaUndecodable):
            await look(pool, b"\x89PNG\r\n\x1a\n" + os.urandom(300))
        assert (await look(pool, picture("PNG"))).width == 64


async def test_frames_are_probed_one_by_one_and_joined(pool):
    files = [picture("JPEG", size=(64, 48)), picture("JPEG", size=(80, 60))]
    joined = join_frames([await look(pool, data, kind="frames") for data in files])
    assert (joined.kind, joined.frames, joined.width, joined.height) == ("frames", 2, 80, 60)
    assert joined.size_bytes == max(map(len, files))


async def test_a_whole_recording_is_measured(pool):
    found = await look(pool, wav(seconds=1.5, channels=2), kind="audio")
    assert (found.format, found.content_type, found.channels, found.has_audio) == ("wav", "audio/wav", 2, True)
    assert found.duration_seconds == pytest.approx(1.5)
    assert found.width is None


@pytest.mark.parametrize(
    ("suffix", "content_type"),
    [
        ("mp4", "video/mp4"),
        ("mov", "video/quicktime"),
        ("mkv", "video/x-matroska"),
        ("avi", "video/x-msvideo"),
        ("flv", "video/x-flv"),
    ],
)
async def test_a_film_is_measured(pool, tmp_path, suffix, content_type):
    path = film(tmp_path / f"film.{suffix}")
    found = await probe(PathSource(index=4, kind="video", size_bytes=path.stat().st_size, path=path), pool=pool)
    assert (found.index, found.content_type, found.width, found.height) == (4, content_type, 64, 48)
    assert found.duration_seconds == pytest.approx(2.0, abs=0.35)
    assert found.fps == pytest.approx(10, abs=0.5)
    assert (found.has_audio, found.channels) == (True, 1)


async def test_a_film_turned_by_its_display_matrix_swaps_its_sides(pool, tmp_path):
    path = film(tmp_path / "film.mp4", rotation=90, sound=False)
    found = await probe(PathSource(index=0, kind="video", size_bytes=path.stat().st_size, path=path), pool=pool)
    assert (found.width, found.height, found.has_audio) == (48, 64, False)
    assert found.rotation_degrees in {90, 270}


async def test_a_kind_that_the_file_does_not_hold_is_a_mismatch(pool, tmp_path):
    silent = film(tmp_path / "film.mp4", sound=False)
    with pytest.raises(errors.MediaTypeMismatch, match="no audio"):
        await probe(PathSource(index=0, kind="audio", size_bytes=1, path=silent), pool=pool)
    with pytest.raises(errors.MediaTypeMismatch, match="no video"):
        await look(pool, wav(), kind="video")
    with pytest.raises(errors.MediaTypeMismatch, match="image/jpeg"):
        await look(pool, picture("JPEG"), kind="audio")


async def test_a_picture_or_a_text_by_path_or_url_is_named_though_the_demuxers_do_not_know_it(pool, store, tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(picture("PNG"))
    with pytest.raises(errors.MediaTypeMismatch, match="image/png"):
        await probe(PathSource(index=0, kind="audio", size_bytes=1, path=path), pool=pool)
    path.write_text("la la la\n" * 30)
    with pytest.raises(errors.MediaUndecodable, match="it is text"):
        await probe(PathSource(index=0, kind="audio", size_bytes=1, path=path), pool=pool)
    store.RequestHandlerClass.data = picture("WEBP")
    with pytest.raises(errors.MediaTypeMismatch, match="image/webp"):
        await probe(at(store, "/object"), pool=pool)


async def test_a_part_of_a_film_is_not_guessed_from(pool):
    data = wav(seconds=2.0)
    with pytest.raises(HeadTooShort):
        await look(pool, data[:1000], kind="audio", size_bytes=len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"just words " * 30,
        b"\0" * 3000,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
)
@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_what_is_no_film_and_every_playlist_is_undecodable(pool, data, kind):
    with pytest.raises(errors.MediaUndecodable):
        await look(pool, data, kind=kind)


class Store(BaseHTTPRequestHandler):
    """One object with ranges and `If-Match`, as an object store serves a presigned URL."""

    data = b""
    reads: list[str]

    def do_GET(self):
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "/object")
            self.end_headers()
            return
        if self.headers.get("If-Match") not in {None, '"tag"'}:
            self.send_error(412)
            return
        span = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
        first, last = int(span[0]), int(span[1] or len(self.data) - 1)
        self.server.reads.append(self.headers.get("Range"))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(self.data)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        try:
            self.wfile.write(self.data[first : last + 1])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_):
        return


@pytest.fixture
def store(tmp_path):
    data = film(tmp_path / "film.mp4").read_bytes()
    index_at = data.rindex(b"moov") - 4
    gap = struct.pack(">I", 8_000_008) + b"free" + bytes(8_000_000)
    handler = type("Handler", (Store,), {"data": data[:index_at] + gap + data[index_at:]})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.reads = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def at(store, path, tag='"tag"', kind="video", size_bytes=1):
    url = f"http://127.0.0.1:{store.server_port}{path}?X-Amz-Signature=secret"
    return UrlSource(index=0, kind=kind, size_bytes=size_bytes, url=url, headers={"If-Match": tag})


async def test_a_film_is_read_from_its_url_by_ranges(pool, store):
    found = await probe(at(store, "/object"), pool=pool)
    assert (found.width, found.height, found.format) == (64, 48, "mp4")
    # The index of this film lies behind 8 MB that nobody needs: the child asked for it there.
    assert any(int(reading.removeprefix("bytes=").split("-")[0]) > 8_000_000 for reading in store.reads)


@pytest.mark.parametrize(
    ("path", "tag", "fault"),
    [
        ("/missing", '"tag"', errors.MediaMissing),
        ("/object", '"other"', errors.MediaChanged),
    ],
)
async def test_an_answer_of_the_store_keeps_its_meaning(pool, store, path, tag, fault):
    with pytest.raises(fault):
        await probe(at(store, path, tag), pool=pool)


async def test_a_redirect_is_not_followed(pool, store):
    with pytest.raises(errors.AnalysisError):
        await probe(at(store, "/away"), pool=pool)
    assert store.reads == []


async def test_a_store_that_is_down_can_be_asked_again(pool, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}/object"
    with pytest.raises(errors.StoreUnavailable):
        await probe(UrlSource(index=0, kind="video", size_bytes=1, url=url), pool=pool)


async def test_a_child_that_dies_of_a_job_makes_the_media_undecodable_and_is_replaced():
    async with ProbePool(children=1) as pool, Silence() as silence:
        (child,) = children(pool)
        first = asyncio.create_task(silence.probed_by(pool))
        await silence.asked.wait()
        os.kill(child, signal.SIGKILL)
        # asyncio says 255 where somebody else's wait was quicker than its own.
        with pytest.raises(errors.MediaUndecodable, match=r"exit (-9|255)"):
            await first
        assert (await look(pool, picture("JPEG"))).width == 64
        assert child not in children(pool)


async def test_a_child_that_takes_too_long_makes_the_media_undecodable_and_is_replaced():
    async with ProbePool(children=1, limits=ProbeLimits(wall_seconds=1.0)) as pool, Silence() as silence:
        with pytest.raises(errors.MediaUndecodable, match="longer than 1 s"):
            await silence.probed_by(pool)
        assert (await look(pool, picture("JPEG"))).width == 64


async def test_a_cancelled_probe_does_not_leave_its_answer_to_the_next():
    async with ProbePool(children=1) as pool, Silence() as silence:
        (child,) = children(pool)
        first = asyncio.create_task(silence.probed_by(pool))
        await silence.asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await look(pool, picture("JPEG", size=(20, 20)))).width == 20
        assert child not in children(pool)


async def test_a_child_that_died_between_jobs_blames_nobody():
    async with ProbePool(children=1) as pool:
        (child,) = children(pool)
        os.kill(child, signal.SIGKILL)
        await next(iter(pool._all)).process.wait()
        assert (await look(pool, picture("JPEG"))).width == 64


async def test_memory_beyond_the_limit_is_the_medias_fault():
    # 200 MiB of address space cannot hold a head of 150 MiB and what is made of it.
    async with ProbePool(children=1, limits=ProbeLimits(memory_bytes=200 * 1024 * 1024)) as pool:
        with pytest.raises(errors.MediaUndecodable):
            await look(pool, wav(seconds=9000.0), kind="audio")
        assert (await look(pool, picture("JPEG"))).width == 64


async def test_a_child_is_replaced_after_its_share_of_jobs():
    async with ProbePool(children=1, limits=ProbeLimits(jobs_per_child=3)) as pool:
        seen = set()
        for _ in range(7):
            await look(pool, picture("JPEG"))
            seen |= children(pool)
        assert len(seen) == 3


async def test_a_child_that_cannot_be_started_again_is_not_the_medias_fault():
    async with ProbePool(children=1, limits=ProbeLimits(jobs_per_child=1)) as pool:
        await look(pool, picture("JPEG"))
        with no_descriptor_left(), pytest.raises(errors.ProbeUnavailable, match="open files"):
            await look(pool, picture("JPEG"))
        assert (await look(pool, picture("JPEG"))).width == 64


async def test_a_pool_that_finds_no_descriptor_at_its_start_stops():
    with no_descriptor_left(), pytest.raises(errors.Stopped, match="open files"):
        async with ProbePool(children=2):
            pass


@contextlib.contextmanager
def no_descriptor_left():
    """This process may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    spare = []
    try:
        with contextlib.suppress(OSError):
            while True:
                spare.append(os.dup(0))
        yield
    finally:
        for number in spare:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_pool_that_cannot_start_stops_with_a_remedy():
    with pytest.raises(errors.Stopped, match="address space"):
        async with ProbePool(children=1, limits=ProbeLimits(memory_bytes=4 * 1024 * 1024)):
            pass


async def test_many_probes_at_once_share_the_children(pool):
    data = picture("JPEG", size=(2000, 1500))
    found = await asyncio.gather(*(look(pool, data) for _ in range(200)))
    assert {one.width for one in found} == {2000}
    assert len(children(pool)) <= 2


async def test_the_event_loop_runs_on_while_a_child_is_stuck(pool):
    async with ProbePool(children=1) as stuck, Silence() as silence:
        first = asyncio.create_task(silence.probed_by(stuck))
        await silence.asked.wait()
        assert (await look(pool, picture("JPEG"))).width == 64
        assert not first.done()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_the_children_see_no_key_of_ours(monkeypatch):
    monkeypatch.setenv("MODEL_API_KEY", "sk-secret")
    async with ProbePool(children=1) as pool:
        (child,) = children(pool)
        environment = await asyncio.to_thread(Path(f"/proc/{child}/environ").read_bytes)
        assert b"sk-secret" not in environment


async def test_leaving_the_pool_leaves_no_process():
    async with ProbePool(children=2) as pool:
        started = children(pool)
        await look(pool, picture("JPEG"))
    assert len(started) == 2
    for child in started:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


class Silence:
    """A host that takes a connection and never answers; `asked` is set when the child has called."""

    def __init__(self):
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.ignore, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        async with asyncio.timeout(10):
            await self.left.wait()

    async def ignore(self, reader, writer):
        self.asked.set()
        await reader.read()  # until the child is dead
        writer.close()
        self.left.set()

    def probed_by(self, pool):
        url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/object"
        return probe(UrlSource(index=0, kind="video", size_bytes=1, url=url), pool=pool)


def children(pool):
    return {child.process.pid for child in pool._all}
