"""A header's name may be any bytes; the records around it come through unharmed."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from analysis_worker.kafka.lenient_records import LenientRecords

GZIP = 1
CRC_AT, CRC_FROM = 17, 21


def batch(*names, codec=0):
    """A batch of one record per name; names are made unreadable after it was built, and its checksum is mended."""
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, 0, 1_000_000)
    for number, name in enumerate(names):
        builder.append(number, timestamp=5, key=None, value=b"v%d" % number, headers=[(name, b"x"), ("also", None)])
    raw = bytearray(builder.build())
    raw = raw.replace(b"BAD!", b"\xff\xfea\x80")
    raw[CRC_AT:CRC_FROM] = calc_crc32c(bytes(raw[CRC_FROM:])).to_bytes(4, "big")
    return bytes(raw)


def test_a_record_with_such_a_name_and_those_after_it_are_read():
    records = LenientRecords(batch("good", "BAD!", "fine"))
    read = records.next_batch()
    assert read.validate_crc()
    assert [(each.offset, each.value, each.headers[0][0]) for each in read] == [
        (0, b"v0", "good"),
        (1, b"v1", r"\xff\xfea\x80"),
        (2, b"v2", "fine"),
    ]
    assert not records.has_next()


@pytest.mark.parametrize("codec", [0, GZIP])
def test_an_ordinary_batch_is_aiokafkas_own(codec):
    records = LenientRecords(batch("a", "ü", codec=codec))
    read = records.next_batch()
    assert [each.headers for each in read] == [[("a", b"x"), ("also", None)], [("ü", b"x"), ("also", None)]]
    assert read.next_offset == 2
    assert not read.is_control_batch
