"""Pictures encoded smaller: real files of every sort through a real child process, onto reserved scratch space."""

from __future__ import annotations

import os
import struct
import zlib

import pytest
from PIL import Image, ImageOps

from analysis_worker import errors
from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import CutLimits, Cutter, CutTooLarge, PictureOrder
from analysis_worker.cutting.picture_media import PictureTools, shrunk_pictures
from analysis_worker.cutting.picture_sides import sides_within
from analysis_worker.cutting.scratch import ScratchSpace
from analysis_worker.cutting.shrink import Speeds
from analysis_worker.cutting.shrink_pictures import shrink_picture
from analysis_worker.limits import check_item
from analysis_worker.local import LocalFiles
from analysis_worker.media.probe import PathSource, ProbePool
from analysis_worker.media.probe_object import probe_object
from analysis_worker.tokens import PixelChoice
from analysis_worker.values import Delivery, PlannedMedia
from media_contracts import MediaItem
from tests.worker import media_files as files

PLUS = load_catalogue().card("qwen3.5-omni-plus")
WHOLE = 4_000_000
"""Pixels: more than these files have."""
UPRIGHT = {1: 0, 2: 0, 3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


def order_of(path, out, *, pixels_max=WHOLE, most_bytes=5_000_000):
    source = PathSource(index=3, kind="image", size_bytes=path.stat().st_size, path=path)
    return PictureOrder(source=source, path=out / "out", pixels_max=pixels_max, most_bytes=most_bytes)


async def seen(path, tmp_path, **bounds):
    """What the model would see."""
    made = await Cutter().shrink(order_of(path, tmp_path, **bounds))
    assert (made.format, made.content_type, made.size_bytes) == ("jpeg", "image/jpeg", made.path.stat().st_size)
    with Image.open(made.path) as picture:
        picture.load()
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        return picture


def corners(picture):
    """Left top, right top, left bottom, right bottom."""
    right, bottom = picture.width - 4, picture.height - 4
    return [picture.getpixel(at) for at in ((3, 3), (right, 3), (3, bottom), (right, bottom))]


def near(colour, wanted, within=12):
    return all(abs(a - b) <= within for a, b in zip(colour, wanted, strict=True))


def quarters(size=(160, 90)):
    """Red, green over blue, white."""
    picture = Image.new("RGB", size, "white")
    half = size[0] // 2, size[1] // 2
    picture.paste((255, 0, 0), (0, 0, *half))
    picture.paste((0, 255, 0), (half[0], 0, size[0], half[1]))
    picture.paste((0, 0, 255), (0, half[1], half[0], size[1]))
    return picture


async def test_what_lies_under_transparent_parts_does_not_show(tmp_path):
    left, right, *_ = corners(await seen(files.see_through_png(tmp_path / "logo.png"), tmp_path))
    assert {near(left, (0, 0, 255)), near(right, (0, 0, 255))} == {True, False}
    assert near(left, (255, 255, 255)) or near(right, (255, 255, 255))


@pytest.mark.parametrize("mode", ["P", "LA", "1"])
async def test_palettes_greys_and_black_and_white_keep_what_they_show(tmp_path, mode):
    left, right, *_ = corners(await seen(_halves(mode, tmp_path / "picture.png"), tmp_path))
    assert near(left, (0, 0, 0))
    assert near(right, (255, 255, 255))


def _halves(mode, path):
    picture = Image.new("L", (160, 90), 255)
    picture.paste(0, (0, 0, 80, 90))
    if mode == "P":
        # The right half is transparent, and black beneath.
        picture = picture.point(lambda value: value // 255).convert("P")
        picture.putpalette([0, 0, 0, 0, 0, 0])
        return files.saved(picture, path, transparency=1)
    return files.saved(picture.convert(mode), path)


async def test_printers_colours_are_brought_to_the_screens(tmp_path):
    assert near(corners(await seen(files.cmyk_jpeg(tmp_path / "print.jpg"), tmp_path))[0], (255, 0, 0))


@pytest.mark.parametrize("most", [65_535, 4095, 255])
@pytest.mark.parametrize("form", ["tif", "png"])
async def test_16_bits_of_grey_are_not_seen_white_however_many_of_them_are_used(tmp_path, most, form):
    left, right, *_ = corners(await seen(files.saved(files.grey16(most=most), tmp_path / f"scan.{form}"), tmp_path))
    assert near(left, (4, 4, 4))
    assert near(right, (250, 250, 250))


async def test_fractions_of_grey_are_shown_between_the_least_and_the_most(tmp_path):
    picture = files.grey16().convert("F").point(lambda value: value * 0.00001 - 0.2)
    left, right, *_ = corners(await seen(files.saved(picture, tmp_path / "heat.tif"), tmp_path))
    assert near(left, (4, 4, 4))
    assert near(right, (250, 250, 250))


@pytest.mark.parametrize("form", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_is_upright_and_of_the_sides_that_were_planned(tmp_path, form, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = files.saved(quarters(), tmp_path / f"turned.{form}", exif=exif)
    pixels_max = 80 * 45
    picture = await seen(path, tmp_path, pixels_max=pixels_max)
    async with ProbePool(children=1) as pool:
        probed = await probed_at(path, pool)
    assert picture.size == sides_within(probed.width, probed.height, pixels_max=pixels_max)
    assert probed.rotation_degrees == UPRIGHT[orientation]
    with Image.open(path) as stored:
        # Pillow's own way of putting it upright is the reference; of a TIFF it has done so already.
        shown = stored.convert("RGB") if form == "tif" else ImageOps.exif_transpose(stored)
    assert all(near(*pair, within=40) for pair in zip(corners(picture), corners(shown), strict=True))


async def test_of_what_moves_the_first_picture_is_taken(tmp_path):
    assert near(corners(await seen(files.animated_webp(tmp_path / "moving.webp"), tmp_path))[0], (255, 0, 0))
    frames = [Image.new("P", (160, 90)), Image.new("P", (160, 90))]
    for frame, colour in zip(frames, ((0, 200, 0), (200, 0, 0)), strict=True):
        frame.putpalette(colour)
    path = files.saved(frames[0], tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert near(corners(await seen(path, tmp_path))[0], (0, 200, 0))


async def test_noise_fits_the_bytes_that_were_planned_for_it(tmp_path):
    path = noise(tmp_path / "noise.png", (1200, 1000))
    area = 1000 * 800
    picture = await seen(path, tmp_path, pixels_max=area, most_bytes=int(area * 0.8))
    assert picture.size == sides_within(1200, 1000, pixels_max=area)


def noise(path, size):
    picture = Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))
    return files.saved(picture, path, compress_level=0)


async def test_what_fits_no_way_says_so_and_leaves_no_file(tmp_path):
    path = noise(tmp_path / "noise.png", (400, 400))
    with pytest.raises(CutTooLarge, match="1,000 bytes reserved"):
        await Cutter().shrink(order_of(path, tmp_path, most_bytes=1000))
    assert not (tmp_path / "out").exists()


def png(width, height, rows=b""):
    """A PNG that says it has these sides, in colours and transparent."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def test_a_bomb_is_refused_by_its_sides_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 30_000))
    with pytest.raises(errors.MediaDimensions, match=r"media\[3\]: it is 30000 x 30000"):
        await Cutter().shrink(order_of(path, tmp_path))


async def test_a_picture_that_takes_more_memory_than_a_child_may_use_ends_nothing_but_itself(tmp_path):
    path = tmp_path / "wide.png"
    path.write_bytes(png(8_000, 8_000, zlib.compress(bytes((4 * 8_000 + 1) * 8_000), 1)))
    with pytest.raises(errors.MediaUndecodable, match="memory"):
        await Cutter(limits=CutLimits(picture_memory_bytes=300 * 1024**2)).shrink(order_of(path, tmp_path))
    assert (await seen(path, tmp_path)).size == (2000, 2000)


@pytest.mark.parametrize("kept", [0.5, 0.9])
async def test_a_picture_that_is_cut_off_is_undecodable(tmp_path, kept):
    path = noise(tmp_path / "noise.png", (300, 300))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(errors.MediaUndecodable, match="the png picture is broken"):
        await Cutter().shrink(order_of(path, tmp_path))


async def test_words_and_films_are_no_pictures(tmp_path):
    path = tmp_path / "words.png"
    path.write_text("la la la\n" * 100)
    with pytest.raises(errors.MediaUndecodable, match="it is text"):
        await Cutter().shrink(order_of(path, tmp_path))
    with pytest.raises(errors.MediaTypeMismatch, match="video/mp4"):
        await Cutter().shrink(order_of(files.matroska(tmp_path / "film.mp4"), tmp_path))


async def probed_at(path, pool):
    store = LocalFiles()
    stored = await store.stat("local", str(path))
    return await probe_object(stored, index=0, kind="image", store=store, pool=pool)


async def planned(path, pool, kind="image"):
    store = LocalFiles()
    stored = await store.stat("local", str(path))
    probed = await probe_object(stored, index=0, kind=kind, store=store, pool=pool)
    item = MediaItem(kind=kind, bucket="local", key=str(path))
    return PlannedMedia(item=item, delivery=Delivery.INLINE, objects=(stored,), probed=probed)


async def test_40_mb_of_png_are_planned_made_and_gone_again(tmp_path):
    async with ProbePool(children=1) as pool:
        large = await planned(noise(tmp_path / "large.png", (4000, 3400)), pool)
        small = await planned(files.cmyk_jpeg(tmp_path / "small.jpg"), pool)
        deep = await planned(files.deep_tiff_with_directory_behind(tmp_path / "deep.tif"), pool)
    assert large.probed.size_bytes > 40_000_000
    media = (large, small, deep)
    decided = [
        shrink_picture(
            medium.probed, card=PLUS, pixels=PixelChoice(), inline=True, speeds=Speeds(upload_bytes_per_second=1e9)
        )
        for medium in media
    ]
    shrinks = {index: made for index, made in enumerate(decided) if made is not None}
    assert sorted(shrinks) == [0, 2]
    space = ScratchSpace(total_bytes=10_000_000)
    folder = tmp_path / "scratch"
    folder.mkdir()
    tools = PictureTools(store=LocalFiles(), cutter=Cutter(), space=space, folder=folder)
    async with shrunk_pictures(media, shrinks, tools=tools, name="request") as made:
        assert made[1] is small
        assert space.used_bytes == sum(path.stat().st_size for path in folder.iterdir())
        for index, shrink in shrinks.items():
            probed = made[index].probed
            check_item(PLUS, probed, made[index].delivery)
            assert (probed.width, probed.height) == (shrink.width, shrink.height)
            with Image.open(made[index].objects[0].key) as picture:
                assert picture.size == (shrink.width, shrink.height)
            assert made[index].objects[0].size_bytes == probed.size_bytes <= shrink.most_bytes
    assert (space.used_bytes, list(folder.iterdir())) == (0, [])
    assert space.peak_bytes == sum(shrink.most_bytes for shrink in shrinks.values())


async def test_a_fault_of_one_picture_gives_all_the_space_back(tmp_path):
    path = noise(tmp_path / "noise.gif.png", (300, 300))
    async with ProbePool(children=1) as pool:
        medium = await planned(path, pool)
    path.write_bytes(path.read_bytes()[:1000])
    made = shrink_picture(
        medium.probed, card=PLUS, pixels=PixelChoice(), inline=True, speeds=Speeds(upload_bytes_per_second=1)
    )
    space, folder = ScratchSpace(total_bytes=1_000_000), tmp_path / "scratch"
    folder.mkdir()
    tools = PictureTools(store=LocalFiles(), cutter=Cutter(), space=space, folder=folder)
    with pytest.raises(errors.MediaUndecodable):
        async with shrunk_pictures((medium,), {0: made}, tools=tools, name="request"):
            raise AssertionError
    assert (space.used_bytes, list(folder.iterdir())) == (0, [])
