"""Builds real files of the formats that phones, cameras and scanners write; each function writes one and returns it."""

from __future__ import annotations

import struct
from array import array

from PIL import Image

from tests.worker.films import film, recording

SIZE = (160, 90)


def phone_film(path):
    """Held upright: stored lying, with a display matrix that says to turn it."""
    return film(path, seconds=3, fps=30, size=(320, 180), rotation=-90)


def uneven_film(path):
    """A second at 30 pictures, then three at 10, as a phone does in the dark."""
    return film(path, seconds=4, fps=30, size=(320, 180), gaps={tick for tick in range(30, 120) if tick % 3})


def matroska(path):
    return film(path, seconds=3, fps=25, size=(320, 180))


def old_phone_film(path):
    return film(path, seconds=3, fps=15, size=(176, 144), codec="h263", sound="libopencore_amrnb", rate=8000)


def film_without_index(path):
    """What is left of a film when the telephone's battery died: the index is written last."""
    whole = matroska(path).read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    return path


def wav(path):
    return recording(path, seconds=3)


def mp3(path):
    return recording(path, seconds=3, codec="libmp3lame")


def aac(path):
    return recording(path, seconds=3, codec="aac")


def narrowband(path):
    """AMR-NB, plain or in 3GP by the name's ending: the voice memo of an old telephone."""
    return recording(path, seconds=3, codec="libopencore_amrnb", rate=8000)


def see_through_png(path):
    """Blue that fades from left to right; what lies under the transparent part is black."""
    picture = Image.new("RGBA", SIZE, (0, 0, 255, 255))
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize(SIZE))
    return saved(picture, path)


def cmyk_jpeg(path):
    """As a printer's studio exports it."""
    return saved(Image.new("CMYK", SIZE, (0, 255, 255, 0)), path, quality=90)


def animated_webp(path):
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "green", "blue")]
    return saved(frames[0], path, save_all=True, append_images=frames[1:], duration=200)


def grey16(size=SIZE, most=65_535):
    """Dark on the left, as bright as `most` on the right."""
    columns = array("H", (most * column // (size[0] - 1) for column in range(size[0])))
    return Image.frombytes("I;16", size, columns.tobytes() * size[1])


def deep_tiff(path):
    """16 bits of grey, as a scanner or a microscope writes it."""
    return saved(grey16(), path)


def deep_tiff_with_directory_behind(path, size=(512, 512)):
    """As libtiff writes it: first the samples, then what says how to read them."""
    samples = grey16(size).tobytes()
    at = 8 + len(samples)
    entries = [
        (256, 4, size[0]),
        (257, 4, size[1]),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, size[1]),
        (279, 4, len(samples)),
    ]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    path.write_bytes(
        b"II*\0" + struct.pack("<I", at) + samples + struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0)
    )
    return path


def high_efficiency(path):
    """The first box of what a telephone calls HEIC."""
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000))
    return path


def saved(picture, path, **options):
    picture.save(path, **options)
    return path
