"""Pure but for reading a stream: bytes of a connection in, whole HTTP messages or Kafka frames out.

Only as much of the protocols as is needed to say what is asked and where it ends: RFC 9112, Kafka protocol guide.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

KAFKA_APIS: Final[Mapping[int, str]] = {
    0: "Produce",
    1: "Fetch",
    2: "ListOffsets",
    3: "Metadata",
    8: "OffsetCommit",
    9: "OffsetFetch",
    10: "FindCoordinator",
    11: "JoinGroup",
    12: "Heartbeat",
    13: "LeaveGroup",
    14: "SyncGroup",
    18: "ApiVersions",
    22: "InitProducerId",
    32: "DescribeConfigs",
}
# Their replies hold addresses of brokers.
ADDRESSING: Final = {"Metadata", "FindCoordinator"}
_REQUEST_LINE = re.compile(rb"([A-Z]+) ([^ ?]*)[^ ]* HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_NO_BODY = re.compile(rb"HTTP/1\.1 (204|304|1\d\d)")
MAX_HEAD_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One request or reply, whole; `tag` pairs a Kafka reply with its request."""

    name: str
    data: bytes
    tag: int = 0


async def read_frame(reader: asyncio.StreamReader, *, request: bool) -> Message:
    """One Kafka frame. :raises asyncio.IncompleteReadError: at the end of the connection."""
    head = await reader.readexactly(4)
    body = await reader.readexactly(struct.unpack(">i", head)[0])
    if not request:
        return Message(name="", data=head + body, tag=struct.unpack(">i", body[:4])[0])
    api, _version, tag = struct.unpack(">hhi", body[:8])
    return Message(name=KAFKA_APIS.get(api, f"api {api}"), data=head + body, tag=tag)


async def read_http(reader: asyncio.StreamReader, *, request: bool, of: Message | None = None) -> Message:
    """One HTTP message with its body; `of`: the request that a reply answers.

    :raises asyncio.IncompleteReadError: at the end of the connection.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    name = ""
    if request:
        found = _REQUEST_LINE.match(head)
        name = f"{found[1].decode()} {found[2].decode()}" if found else "?"
    bodiless = of is not None and (of.name.startswith("HEAD ") or bool(_NO_BODY.match(head)))
    if bodiless:
        return Message(name=name, data=head)
    if found_length := _LENGTH.search(head):
        return Message(name=name, data=head + await reader.readexactly(int(found_length[1])))
    if _CHUNKED.search(head):
        return Message(name=name, data=head + await _read_chunks(reader))
    return Message(name=name, data=head if request else head + await reader.read())


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        data += line + await reader.readexactly(size + 2)
        if size == 0:
            return data


def with_addresses(data: bytes, moved: Mapping[tuple[str, int], int]) -> bytes:
    """A Kafka reply that names other ports for brokers, so that clients stay behind the proxy; lengths do not change."""
    for (host, port), stand_in in moved.items():
        name = host.encode()
        data = data.replace(name + struct.pack(">i", port), name + struct.pack(">i", stand_in))
    return data
