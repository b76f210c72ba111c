"""A planned answer, its pace and its fault in; chunks on the socket, and what was sent and billed on the record, out.

One task per call listens for the client's leaving; chunks cost no task, so that many paced streams stay cheap.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_simulator.performance import Performance, Piece, produced
from model_simulator.refusal import Refused, refuse
from model_simulator.tally import InputTally, OutputTally, usage_object
from model_simulator.voice import sound_of
from model_simulator.wire import DONE, Envelope

if TYPE_CHECKING:
    from starlette.types import Receive, Send

    from model_simulator.calls import Call
    from model_simulator.chat_request import ChatRequest
    from model_simulator.rule_table import RuleTable
    from model_simulator.scenario import CustomError, Direction

_EVENT_STREAM = b"text/event-stream;charset=UTF-8"
_STALLING = frozenset({"stall", "cut", "early_close", "error_in_stream", "content_filtered"})


class Gone(Exception):
    """The client left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """A call's connection: how to send, and what ends a wait (the client leaving, a release by the script's owner)."""

    send: Send
    gone: asyncio.Event
    released: asyncio.Event

    async def start(self, status: int, content_type: bytes, *headers: tuple[bytes, bytes]) -> None:
        """Send the status line."""
        fields = [(b"content-type", content_type), *headers]
        await self.send({"type": "http.response.start", "status": status, "headers": fields})

    async def body(self, data: bytes, *, more: bool = True) -> None:
        """Send bytes; raises `Gone` once the client has left."""
        if self.gone.is_set():
            raise Gone
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def pause(self, seconds: float) -> None:
        """Wait; raises `Gone` as soon as the client leaves."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return
        raise Gone

    async def hold(self) -> None:
        """Wait until somebody releases the call; raises `Gone` when the client leaves before that."""
        while not self.released.is_set():
            if self.gone.is_set():
                raise Gone
            await self.released.wait()
        if self.gone.is_set():
            raise Gone


async def watch_client(receive: Receive, lines: Lines) -> None:
    """Set `gone` when the client leaves, and wake a hold so that it notices."""
    while (await receive())["type"] != "http.disconnect":
        continue
    lines.gone.set()
    lines.released.set()


def custom_error(error: CustomError) -> Refused:
    """An error of the script's own making."""
    return Refused(
        row_id="scenario/error",
        status=error.status,
        code=error.code,
        message=error.message,
        kind=error.type,
        delivery=error.delivery,
    )


class Delivery:
    """One streamed answer on its way."""

    def __init__(
        self,
        *,
        request: ChatRequest,
        performance: Performance,
        inputs: InputTally,
        direction: Direction,
        envelope: Envelope,
        call: Call,
        rules: RuleTable,
    ) -> None:
        self._request = request
        self._performance = performance
        self._inputs = inputs
        self._direction = direction
        self._envelope = envelope
        self._call = call
        self._rules = rules

    async def stream(self, lines: Lines) -> None:
        """Send everything; raises `Gone` when the client leaves; the record of the call is kept up to date."""
        self.bill(0)
        await self._open(lines)
        for index, piece in enumerate(self._performance.pieces):
            if await self._interrupted(lines, index):
                return
            if index:
                await lines.pause(self._direction.pace.chunk_seconds)
            await lines.body(self._chunk(piece))
            self.bill(index + 1)
            if not index % 64:
                await asyncio.sleep(0)  # an unpaced answer must not starve the other streams
        if await self._interrupted(lines, None):
            return
        await self._close(lines)

    async def whole(self, lines: Lines) -> None:
        """Send the answer in one piece (models that allow it)."""
        self.bill(0)
        if self._direction.action.fault in {"hold", "stall"}:
            await self._hold(lines)
        await lines.pause(self._direction.pace.first_token_seconds)
        count = len(self._performance.pieces)
        await lines.pause(self._direction.pace.chunk_seconds * count)
        usage = self._usage()
        body = self._envelope.whole(
            text=self._performance.joined("text"),
            reasoning=self._performance.joined("reasoning") or None,
            reason=self._performance.finish_reason,
            usage=usage,
        )
        await lines.start(200, b"application/json", (b"content-length", str(len(body)).encode()))
        self._call.http_status = 200
        await lines.body(body, more=False)
        self.bill(count)
        self._end(usage)

    def bill(self, pieces: int) -> None:
        """Note what the provider would bill if nothing more were sent."""
        sent = self._performance.pieces[:pieces]
        self._call.chunks = pieces
        self._call.answer_characters += len(sent[-1].content) if sent and sent[-1].kind == "text" else 0
        self._call.billed["input_tokens"] = self._inputs.total

    def settle(self) -> None:
        """Count the output that was produced, once, when the call has ended."""
        sent = self._performance.pieces[: self._call.chunks]
        self._call.billed["output_tokens"] = produced(sent, self._request, self._rules).billed

    async def _open(self, lines: Lines) -> None:
        pace, fault = self._direction.pace, self._direction.action.fault
        if fault == "hold":
            await self._hold(lines)
        late = fault == "slow_header" or not self._rules.limit("headers_before_first_token")
        if late:
            await lines.pause(pace.first_token_seconds)
        await lines.start(200, _EVENT_STREAM, (b"cache-control", b"no-cache"))
        self._call.http_status = 200
        # An empty body sends the status line now: the first token may take its time.
        await lines.body(b"")
        if not late:
            await lines.pause(pace.first_token_seconds)
        if self._request.thinking:
            await lines.body(self._envelope.role_with_reasoning())
        elif self._rules.limit("role_in_first_chunk"):
            await lines.body(self._envelope.role())

    async def _interrupted(self, lines: Lines, index: int | None) -> bool:
        """Act out a fault that comes after some chunks (or, `None`, after all); True ends the call."""
        action = self._direction.action
        if action.fault not in _STALLING:
            return False
        after = 1 if action.after_chunks is None else action.after_chunks
        count = len(self._performance.pieces)
        if index != after and not (index is None and after >= count):
            return False
        match action.fault:
            case "stall":
                await self._hold(lines)
                return False
            case "cut":
                self._call.status = "cut"
                return True  # returning without an end makes the server close the connection
            case "early_close":
                self._call.status = "cut"
                await lines.body(b"", more=False)
                return True
            case _:
                await self._break(
                    lines, "content_filtered" if action.fault == "content_filtered" else "error_in_stream"
                )
                return True

    async def _break(self, lines: Lines, row: str) -> None:
        own = self._direction.action.error
        refused = custom_error(own) if own else refuse(self._rules, row)
        refused.delivery = "stream"
        self._call.status = "error"
        self._call.error = {"code": refused.code, "message": refused.message}
        await lines.body(refused.payload(self._envelope.id)[0], more=False)

    async def _hold(self, lines: Lines) -> None:
        self._call.status = "held"
        await lines.hold()
        self._call.status = "running"

    async def _close(self, lines: Lines) -> None:
        fault, thinking = self._direction.action.fault, self._request.thinking
        usage = self._usage()
        wanted = self._request.include_usage and fault != "missing_usage"
        inside = usage if wanted and fault == "usage_inside_last_chunk" else None
        reason = self._performance.finish_reason
        await lines.body(self._envelope.finish(reason, thinking=thinking, usage=inside))
        if wanted and inside is None:
            await lines.body(self._envelope.usage(usage))
        await lines.body(DONE, more=False)
        self._end(usage if wanted else None)

    def _end(self, usage: dict[str, Any] | None) -> None:
        self._call.usage = usage
        self._call.finish_reason = self._performance.finish_reason
        self._call.finished = True
        self._call.status = "finished"

    def _usage(self) -> dict[str, Any]:
        own = self._direction.action.usage
        if own is not None:
            return own
        outputs: OutputTally = produced(self._performance.pieces, self._request, self._rules)
        includes = self._request.model.text_includes_reasoning
        return usage_object(self._inputs, outputs, text_includes_reasoning=includes)

    def _chunk(self, piece: Piece) -> bytes:
        match piece.kind:
            case "reasoning":
                return self._envelope.reasoning(piece.content)
            case "text":
                return self._envelope.text(piece.content)
            case "speech":
                return self._envelope.speech(sound_of(piece.content, self._rules))
