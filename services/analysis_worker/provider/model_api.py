"""A request body in, one streamed call out: its answer so far, or why there is none; the model's border with httpx.

Always streamed, for every model: one code path (provider.md §1d). Four time-outs bound a call: connect, first token,
between chunks, total.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from analysis_worker.errors import (
    AnalysisError,
    CallTimeout,
    FirstTokenTimeout,
    ProviderUnreachable,
    Retryable,
)
from analysis_worker.provider.breaker import Breaker
from analysis_worker.provider.provider_errors import classify_response
from analysis_worker.provider.stream import Answer, StreamEnd, StreamReader, answer_fault
from analysis_worker.transport import Fault, TransferFailed, transfer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from analysis_worker.provider.byte_pipe import MediaHole, RequestBody
    from analysis_worker.settings import ModelSettings

MAX_ERROR_BYTES: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """How one call ended: `answer` is whatever was read, `fault` is None only when it is finished and whole.

    `sent` is False when the whole request cannot have reached the model: no connection, or the body broke off.
    `asked` is False when the provider cannot have counted anything: not sent, or refused by a 4xx before the stream.
    """

    answer: Answer | None
    fault: AnalysisError | None
    asked: bool
    sent: bool = True


class OpenCall:
    """A call while it runs; `reader` keeps what has arrived, so that a cancelled call can still be counted.

    `body_sent` says that the last byte of the body was given to the connection; `on_token` is told of the first token,
    `on_audio` gets the spoken answer as it comes (stream.StreamReader), `on_text` the written one, without reasoning.
    """

    def __init__(
        self, *, on_token: Callable[[], None] | None = None, on_audio: Callable[[bytes], None] | None = None
    ) -> None:
        self.reader: StreamReader | None = None
        self.body_sent = False
        self.on_token = on_token
        self.on_audio = on_audio
        self.on_text: Callable[[str], None] | None = None
        """Set when the call is opened: until then its number is not known."""
        self.body_fault: AnalysisError | None = None


class ModelApi:
    """One OpenAI-compatible endpoint."""

    def __init__(
        self,
        *,
        settings: ModelSettings,
        client: httpx.AsyncClient,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._client = client
        self.clock = clock
        self._now = now
        self._breakers: dict[str, Breaker] = {}
        self._url = f"{settings.base_url}/chat/completions"
        parts = urlsplit(settings.base_url)
        self.server_address = parts.hostname or ""
        self.server_port = parts.port or (443 if parts.scheme == "https" else 80)

    def breaker(self, model: str) -> Breaker:
        """What is known of that model's state, for all requests together."""
        return self._breakers.setdefault(model, Breaker())

    @property
    def signed_seconds(self) -> float:
        """How long a URL must live that is signed for one call: its first token, and a margin for a slow fetch."""
        return self._settings.first_token_seconds + 300

    async def call(
        self,
        body: RequestBody,
        *,
        open_media: Callable[[MediaHole], AsyncIterator[bytes]],
        running: OpenCall,
    ) -> Call:
        """Make one call and read its stream to the end; never raises for what the provider or the network does.

        Errors of the media pipe (`MediaChanged`, `StoreUnavailable`) are raised: the provider has no part in them.
        """
        limits = self._settings
        start = self.clock()
        total_at = start + limits.total_seconds
        try:
            async with asyncio.timeout_at(min(start + limits.first_token_seconds, total_at)) as timeout:
                with transfer():
                    content = _watched(body.chunks(open_media), running, length_bytes=body.content_length)
                    async with self._client.stream(
                        "POST", self._url, content=content, headers=self._headers(body)
                    ) as response:
                        if response.status_code != httpx.codes.OK:
                            return await _refusal(response, now=self._now())
                        reader = running.reader = StreamReader(started_at=start, on_audio=running.on_audio)
                        async for chunk in response.aiter_raw():
                            now = self.clock()
                            text = reader.feed(chunk, now)
                            if text and running.on_text is not None:
                                running.on_text(text)
                            if reader.first_token_at == now and running.on_token is not None:
                                running.on_token()
                            if reader.done:
                                break
                            # A comment that keeps the connection alive (": keep-alive") says nothing of the model.
                            if reader.first_token_at is not None and reader.last_event_at == now:
                                timeout.reschedule(min(now + limits.chunk_seconds, total_at))
                        return _ended(reader.finish("closed", self.clock()))
        except TransferFailed as failed:
            return self._failed(failed, running)
        except TimeoutError:
            return self._timed_out(running, total_at=total_at)

    def stop(self, running: OpenCall) -> Answer | None:
        """What had arrived of a call that was cut off by us."""
        return running.reader.finish("stopped", self.clock()) if running.reader else None

    def _headers(self, body: RequestBody) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(body.content_length),
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        if self._settings.api_key is not None:
            headers["Authorization"] = f"Bearer {self._settings.api_key.get_secret_value()}"
        return headers

    def _failed(self, failed: TransferFailed, running: OpenCall) -> Call:
        if running.body_fault is not None:
            raise running.body_fault
        if running.reader is not None:
            end: StreamEnd = "stalled" if failed.fault is Fault.STALLED else "cut"
            return _ended(running.reader.finish(end, self.clock()))
        sent = running.body_sent and failed.fault is not Fault.UNREACHABLE
        fault = ProviderUnreachable(f"{self.server_address}: {failed}")
        # Once the body has left in whole the provider may have worked, whatever became of the connection.
        return Call(answer=None, fault=fault, asked=sent, sent=sent)

    def _timed_out(self, running: OpenCall, *, total_at: float) -> Call:
        now = self.clock()
        reader = running.reader
        is_total = now >= total_at
        has_token = reader is not None and reader.first_token_at is not None
        answer = reader.finish("stopped" if is_total else "stalled", now) if reader else None
        if answer is not None and (answer.finish_reason or answer.provider_error or (has_token and not is_total)):
            # What came after the finish reason is the usage at most: the answer is paid for and it is whole.
            return _ended(answer)
        fault: Retryable = (
            CallTimeout(f"no end within {self._settings.total_seconds:g} s (MODEL_TOTAL_SECONDS)")
            if is_total
            else FirstTokenTimeout(
                f"no token within {self._settings.first_token_seconds:g} s (MODEL_FIRST_TOKEN_SECONDS)"
            )
        )
        return Call(answer=answer, fault=fault, asked=running.body_sent, sent=running.body_sent)


async def _watched(chunks: AsyncIterator[bytes], running: OpenCall, *, length_bytes: int) -> AsyncIterator[bytes]:
    """The body, with its own errors kept: the HTTP client reports them as a broken connection."""
    left_bytes = length_bytes
    try:
        async for chunk in chunks:
            left_bytes -= len(chunk)
            # Before it is handed over: the transport may come back for more only after the model has it.
            running.body_sent = left_bytes <= 0
            yield chunk
    except AnalysisError as error:
        running.body_fault = error
        raise


async def _refusal(response: httpx.Response, *, now: datetime) -> Call:
    body = bytearray()
    with suppress(httpx.HTTPError):  # the status has arrived, and says most of it
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= MAX_ERROR_BYTES:
                break
    fault = classify_response(http_status=response.status_code, headers=response.headers, body=bytes(body), now=now)
    # A 4xx and a 503 (RFC 9110 §15.6.4: unable to handle the request) are refused before any work; what any other 5xx
    # had done by then nobody knows, and unknown is not zero (law 6).
    status = response.status_code
    asked = status >= httpx.codes.INTERNAL_SERVER_ERROR and status != httpx.codes.SERVICE_UNAVAILABLE
    return Call(answer=None, fault=fault, asked=asked)


def _ended(answer: Answer) -> Call:
    return Call(answer=answer, fault=answer_fault(answer), asked=True)
