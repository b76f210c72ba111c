"""Signatures: what the first bytes say, and what text looks like; and that a signed URL stays out of sight."""

from __future__ import annotations

import pytest

from analysis_worker.media.probe import UrlSource
from analysis_worker.media.sniff import looks_like_text, sniff


@pytest.mark.parametrize(
    ("head", "family", "form"),
    [
        (b"ID3\4", "audio", "mp3"),
        (b"\xff\xfb\x90", "audio", "mp3"),
        (b"\xff\xf1\x50", "audio", "aac"),
        (b"OggS\0", "audio", "ogg"),
        (b"fLaC\0", "audio", "flac"),
        (b"#!AMR\n", "audio", "amr"),
        (b"\0\0\0\x20ftypM4A ", "audio", "m4a"),
        (b"\0\0\0\x14ftypqt  ", "video", "mov"),
        (b"\x1aE\xdf\xa3", "video", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "video", "avi"),
        (b"FLV\x01\5", "video", "flv"),
        (bytes.fromhex("3026b2758e66cf11"), "video", "asf"),
    ],
)
def test_a_signature_tells_kind_and_format(head, family, form):
    found = sniff(head)
    assert found is not None
    assert (found.family, found.format) == (family, form)


def test_text_is_told_from_binary_though_a_character_is_cut():
    assert looks_like_text("ü".encode() * 400)
    assert looks_like_text(b"plain")
    assert not looks_like_text(b"\0\1\2")
    assert not looks_like_text(b"\xff\xd8\xff\xe0 text")
    assert not looks_like_text(b"")


def test_a_signed_url_does_not_show_in_a_repr():
    assert "secret" not in repr(UrlSource(index=0, kind="video", size_bytes=1, url="http://h/o?X-Amz-Signature=secret"))
