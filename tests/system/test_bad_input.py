"""Bad input, named: for each a completion or a dead letter with a stable code, and the next good record completes."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib

import pytest
from PIL import Image

from media_contracts.topics import REQUESTED

EVENT = {"ce_specversion": "1.0", "ce_type": REQUESTED, "ce_source": "/tests", "content-type": "application/json"}


def headers_of(unique, **changes):
    named = EVENT | {"ce_id": unique} | {name.replace("__", "-"): value for name, value in changes.items()}
    return [(name, value if value is None else value.encode()) for name, value in named.items()]


def good(unique):
    return json.dumps({"request_id": unique, "instruction": f"Say {unique}."}).encode()


async def assert_next_completes(wire, unique, partition):
    name = f"{unique}-next"
    await wire.publish_raw(good(name), key=name.encode(), headers=headers_of(name), partition=partition)
    assert (await wire.completion(name)).data.outcome == "succeeded"


FOREIGN = {
    "a null header": [("x-team", None)],
    "a binary header": [("x-blob", b"\xff\xfe\x00\x80")],
    "a repeated header": [("x-team", b"one"), ("x-team", b"two")],
    "a bad trace": [("traceparent", b"\xff\x00")],
}


@pytest.mark.parametrize("added", FOREIGN.values(), ids=FOREIGN)
async def test_foreign_headers_are_nobodys_business(shared_worker, wire, unique, added):
    await wire.publish_raw(good(unique), key=b"k", headers=[*headers_of(unique), *added], partition=0)
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.heard.key) == ("succeeded", b"k")
    await assert_next_completes(wire, unique, 0)


async def test_a_binary_key_comes_back_as_it_was(shared_worker, wire, unique):
    key = b"\x80\x00\xff" + unique.encode()
    await wire.publish_raw(good(unique), key=key, headers=headers_of(unique), partition=0)
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.heard.key) == ("succeeded", key)
    await assert_next_completes(wire, unique, 0)


NO_REQUEST = {
    "a tombstone": (None, {}, "empty_record"),
    "a null ce_ header": (b"{}", {"ce_source": None}, "invalid_cloudevent"),
    "ce_time: yesterday": (None, {"ce_time": "yesterday"}, "invalid_cloudevent"),
    "bad JSON under application/json": (b'{"request_id": ', {}, "not_json"),
    "not UTF-8": (b'{"request_id": "\xff\xfe"}', {}, "not_utf8"),
    "wrong types": (b'{"request_id": 7, "media": "photo.jpg"}', {}, "invalid_request"),
    "an unknown event type": (b"{}", {"ce_type": "media.analysis.something.v1"}, "unknown_event_type"),
}


@pytest.mark.parametrize(("value", "changes", "reason"), NO_REQUEST.values(), ids=NO_REQUEST)
async def test_what_is_no_request_is_a_dead_letter_with_its_bytes(shared_worker, wire, unique, value, changes, reason):
    value = good(unique) if "ce_time" in changes else value
    headers = [*headers_of(unique, **changes), ("x-team", None), ("x-blob", b"\xff")]
    sent = await wire.publish_raw(value, key=unique.encode(), headers=headers, partition=1)
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    assert letter.header("dead-letter-reason") == reason
    assert letter.value == value
    assert list(letter.headers[: len(headers)]) == headers
    assert (letter.header("dead-letter-topic"), letter.header("dead-letter-partition")) == (REQUESTED, "1")
    assert letter.header("dead-letter-offset") == str(sent.offset)
    await assert_next_completes(wire, unique, 1)


async def test_a_record_of_two_megabytes_is_a_dead_letter_by_reference(shared_worker, wire, bucket, unique):
    value = json.dumps({"request_id": unique, "instruction": "x" * 2_000_000}).encode()
    await wire.publish_raw(value, key=unique.encode(), headers=headers_of(unique), partition=2)
    letter = await wire.dead_letter(lambda one: one.key == unique.encode())
    assert (letter.header("dead-letter-reason"), letter.value) == ("invalid_request", None)
    stored = bucket.read(letter.header("dead-letter-ref-key"), bucket=letter.header("dead-letter-ref-bucket"))
    assert stored == value
    assert hashlib.sha256(stored).hexdigest() == letter.header("dead-letter-ref-sha256")
    assert int(letter.header("dead-letter-ref-size-bytes")) == len(value)
    await assert_next_completes(wire, unique, 2)


def png_header(width, height):
    """A PNG that claims a size and has hardly a pixel."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def photograph():
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 120, 200)).save(data, "JPEG")
    return data.getvalue()


def stored(data, name="photo.jpg"):
    """What puts `data` into the bucket and names it in a request."""

    def media(bucket, unique):
        return {"media": [{"kind": "image", **bucket.upload(f"bad/{unique}/{name}", data)}]}

    return media


def said(**fields):
    return lambda _bucket, _unique: {"instruction": "Describe it."} | fields


REJECTED = {
    "a missing object": (said(media=[{"kind": "image", "bucket": "media", "key": "bad/nothing.jpg"}]), "media_missing"),
    "a forbidden bucket": (said(media=[{"kind": "image", "bucket": "results", "key": "x.jpg"}]), "media_forbidden"),
    "a key with a dot segment": (
        said(media=[{"kind": "image", "bucket": "media", "key": "a/../../results/x"}]),
        "media_forbidden",
    ),
    "a URL where none is allowed": (said(media=[{"kind": "image", "url": "http://127.0.0.1/x"}]), "media_forbidden"),
    "an empty object": (stored(b""), "media_empty"),
    "a text file called photo.jpg": (stored(b"this is a text, not a picture\n" * 50), "media_undecodable"),
    "a header of 30,000 x 30,000": (stored(png_header(30_000, 30_000), "huge.png"), "media_dimensions"),
    "an unknown profile": (said(profile="nobody-wrote-it"), "profile_unknown"),
    "an unknown model": (said(model={"name": "gpt-0"}), "model_unknown"),
    "an output schema that is none": (said(output_schema={"type": "no such type"}), "schema_invalid"),
    "an expired deadline": (said(limits={"deadline": "2020-01-01T00:00:00Z"}), "deadline_exceeded"),
    "a feature of later": (said(model={"search": True}), "feature_unsupported"),
    "a budget in another currency": (
        said(limits={"max_cost": {"amount": "1", "currency": "USD"}}),
        "currency_mismatch",
    ),
}


@pytest.mark.parametrize(("fields", "code"), REJECTED.values(), ids=REJECTED)
async def test_what_cannot_be_asked_is_rejected_by_name(shared_worker, wire, bucket, unique, fields, code):
    value = json.dumps({"request_id": unique} | fields(bucket, unique)).encode()
    await wire.publish_raw(value, key=unique.encode(), headers=headers_of(unique), partition=3)
    completion = await wire.completion(unique)
    assert (completion.data.outcome, completion.error_code) == ("rejected", code)
    assert completion.data.error.stage == "plan"
    assert completion.data.usage.calls == 0
    await assert_next_completes(wire, unique, 3)
