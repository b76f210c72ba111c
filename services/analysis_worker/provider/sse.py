"""Pure: chunks of bytes in, the data of server-sent events out, whatever the chunk boundaries.

Follows the event stream grammar of the HTML standard (server-sent events, "Parsing an event stream"), with one
departure: an event that the end of the stream leaves open is given out too, because a provider's last line may lack
its blank line; the reader above tells half a JSON document from a whole one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from analysis_worker.errors import ProviderUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_MIB: Final = 1024 * 1024


class SseDecoder:
    """Decode one stream; `feed` takes bytes as they arrive, `finish` says that no more will come.

    A line or event beyond its bound raises `ProviderUnavailable`, after the events before it: such a stream is broken,
    and memory is ours. Bytes that are no UTF-8 become what `undecodable` says (codecs, "Error Handlers").
    """

    def __init__(
        self,
        *,
        max_line_bytes: int = 8 * _MIB,
        max_event_bytes: int = 16 * _MIB,
        undecodable: Literal["replace", "surrogateescape"] = "replace",
    ) -> None:
        self._max_line_bytes = max_line_bytes
        self._max_event_bytes = max_event_bytes
        self._undecodable = undecodable
        self._broken: ProviderUnavailable | None = None
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._first_line = True
        self._after_carriage_return = False

    def feed(self, chunk: bytes) -> list[str]:
        """Return the data of every event that this chunk completes, in order."""
        events: list[str] = []
        self._guarded(lambda: self._split(chunk, events), events)
        return events

    def finish(self) -> list[str]:
        """Return the data of the event that the end of the stream left open, if there is one."""
        events: list[str] = []
        self._guarded(lambda: self._end(events), events)
        return events

    def _guarded(self, work: Callable[[], None], events: list[str]) -> None:
        """Do the work unless the stream is broken; events that one chunk brings before the break are given out first,
        so that chunk boundaries make no difference.
        """
        if self._broken is None:
            try:
                work()
            except ProviderUnavailable as error:
                self._broken = error
        if self._broken is not None and not events:
            raise self._broken

    def _split(self, chunk: bytes, events: list[str]) -> None:
        if self._after_carriage_return and chunk:
            # CR and LF of one line end may arrive in two chunks.
            chunk = chunk.removeprefix(b"\n")
            self._after_carriage_return = False
            if not chunk:
                return
        *lines, rest = _LINE_END.split(chunk)
        self._after_carriage_return = chunk.endswith(b"\r")
        for line in lines:
            self._extend_line(line)
            self._end_line(events)
        self._extend_line(rest)

    def _end(self, events: list[str]) -> None:
        if self._line:
            self._end_line(events)
        self._end_event(events)

    def _extend_line(self, piece: bytes) -> None:
        if len(self._line) + len(piece) > self._max_line_bytes:
            raise ProviderUnavailable(
                f"the model's stream has a line of more than {self._max_line_bytes} bytes; the call is tried again"
            )
        self._line += piece

    def _end_line(self, events: list[str]) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._first_line:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._first_line = False
        if not line:
            self._end_event(events)
            return
        # A line that starts with a colon is a comment (keep-alive): its field name is empty.
        field, _, value = line.partition(b":")
        if field == b"data":
            self._add_data(value.removeprefix(b" "))

    def _add_data(self, value: bytes) -> None:
        self._data_bytes += len(value) + 1
        if self._data_bytes > self._max_event_bytes:
            raise ProviderUnavailable(
                f"the model's stream has an event of more than {self._max_event_bytes} bytes; the call is tried again"
            )
        self._data.append(value)

    def _end_event(self, events: list[str]) -> None:
        if self._data:
            # Decoded by the event: a chunk may end inside a character, an event cannot.
            events.append(b"\n".join(self._data).decode("utf-8", errors=self._undecodable))
        self._data.clear()
        self._data_bytes = 0
