"""Files as phones, cameras and scanners write them, all the way: stored, probed, fetched and decoded by the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.worker import media_files as files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Row:
    """A file, what it is asked about as, and what the completion must say of it."""

    make: Callable[[Path], Path]
    name: str
    kind: str
    content_type: str
    sides: tuple[int, int] | None = None
    seconds: float | None = None
    fps: float | None = None
    taken_as: str
    """The format that the provider found when it decoded the bytes."""
    sound: bool = False


TAKEN = [
    Row(
        make=files.phone_film,
        name="phone.mp4",
        kind="video",
        content_type="video/mp4",
        sides=(180, 320),  # stored 320 x 180
        seconds=3.0,
        fps=30.0,
        taken_as="mov",
        sound=True,
    ),
    Row(
        make=files.uneven_film,
        name="uneven.mp4",
        kind="video",
        content_type="video/mp4",
        sides=(320, 180),
        seconds=4.0,
        fps=15.0,  # of 30 pictures a second, then 10: the mean
        taken_as="mov",
        sound=True,
    ),
    Row(
        make=files.matroska,
        name="film.mkv",
        kind="video",
        content_type="video/x-matroska",
        sides=(320, 180),
        seconds=3.0,
        fps=25.0,
        taken_as="matroska",
        sound=True,
    ),
    Row(
        make=files.old_phone_film,
        name="old.3gp",
        kind="video",
        content_type="video/3gpp",
        sides=(176, 144),
        seconds=3.0,
        fps=15.0,
        taken_as="mov",
        sound=True,
    ),
    Row(make=files.wav, name="talk.wav", kind="audio", content_type="audio/wav", seconds=3.0, taken_as="wav"),
    Row(make=files.mp3, name="talk.mp3", kind="audio", content_type="audio/mpeg", seconds=3.0, taken_as="mp3"),
    Row(make=files.aac, name="talk.aac", kind="audio", content_type="audio/aac", seconds=3.0, taken_as="aac"),
    Row(make=files.narrowband, name="memo.amr", kind="audio", content_type="audio/amr", seconds=3.0, taken_as="amr"),
    Row(make=files.narrowband, name="memo.3gp", kind="audio", content_type="audio/3gpp", seconds=3.0, taken_as="mov"),
    Row(
        make=files.see_through_png,
        name="logo.png",
        kind="image",
        content_type="image/png",
        sides=files.SIZE,
        taken_as="PNG",
    ),
    Row(
        make=files.cmyk_jpeg,
        name="print.jpg",
        kind="image",
        content_type="image/jpeg",
        sides=files.SIZE,
        taken_as="JPEG",
    ),
    Row(
        make=files.animated_webp,
        name="moving.webp",
        kind="image",
        content_type="image/webp",
        sides=files.SIZE,
        taken_as="WEBP",
    ),
]
REFUSED = [
    (files.film_without_index, "cut-off.mp4", "video", "media_undecodable", "cannot be read as video"),
    (files.high_efficiency, "phone.heic", "image", "media_undecodable", "convert it to JPEG, PNG or WebP"),
    (files.narrowband, "memo.3gp", "video", "media_type_mismatch", "it holds audio, no video"),
    (files.phone_film, "phone.jpg.mp4", "image", "media_type_mismatch", "it is video (video/mp4), not an image"),
    (files.animated_webp, "moving.webp", "video", "media_type_mismatch", "it is an image (image/webp), not video"),
]


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.name)
async def test_a_real_file_is_described_and_answered(shared_worker, wire, simulator, bucket, tmp_path, unique, row):
    data = row.make(tmp_path / row.name).read_bytes()
    stored = bucket.upload(f"real/{unique}/{row.name}", data, content_type=row.content_type)
    await wire.publish({"request_id": unique, "media": [{"kind": row.kind, **stored}], "instruction": f"Say {unique}."})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error, done.warnings) == ("succeeded", None, ())
    [found] = done.media
    assert (found.content_type, found.size_bytes, found.delivery) == (row.content_type, len(data), "presigned")
    assert (found.width, found.height) == (row.sides or (None, None))
    assert found.duration_seconds == (row.seconds and pytest.approx(row.seconds, abs=0.15))
    assert found.fps == (row.fps and pytest.approx(row.fps, rel=0.06))
    [call] = await simulator.calls_with(unique)
    [part] = call["parts"]
    assert (part["type"], part["format"], part["bytes"]) == (row.kind, row.taken_as, len(data))
    counted = done.usage.input
    assert (bool(counted.image), bool(counted.video)) == (row.kind == "image", row.kind == "video")
    assert bool(counted.audio) == (row.kind == "audio" or row.sound)


@pytest.mark.parametrize(("make", "name", "kind", "code", "words"), REFUSED, ids=lambda value: str(value)[:20])
async def test_what_cannot_be_read_as_what_it_is_called_is_refused_by_name(
    shared_worker, wire, simulator, bucket, tmp_path, unique, make, name, kind, code, words
):
    stored = bucket.upload(f"real/{unique}/{name}", make(tmp_path / name).read_bytes())
    await wire.publish({"request_id": unique, "media": [{"kind": kind, **stored}], "instruction": f"Say {unique}."})
    done = (await wire.completion(unique)).data
    assert (done.outcome, done.error.code, done.error.stage) == ("rejected", code, "plan")
    assert words in done.error.message
    assert await simulator.calls_with(unique) == []
