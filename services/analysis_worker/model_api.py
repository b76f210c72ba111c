"""A request body in, one streamed call out: its answer so far, or why there is none; the model's border with httpx.

Always streamed, for every model: one code path (provider.md §1d). Four time-outs bound a call: connect, first token,
between chunks, total.
"""

from __future__ import annotations

import asyncio
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
from analysis_worker.provider_errors import classify_response
from analysis_worker.stream import Answer, StreamEnd, StreamReader, answer_fault
from analysis_worker.transport import Fault, TransferFailed, transfer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from analysis_worker.byte_pipe import MediaHole, RequestBody
    from analysis_worker.settings import ModelSettings

MAX_ERROR_BYTES: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """How one call ended: `answer` is whatever was read, `fault` is None only when it is finished and whole.

    `asked` is False when the provider cannot have counted anything: no connection, or a refusal before the stream.
    """

    answer: Answer | None
    fault: AnalysisError | None
    asked: bool


class OpenCall:
    """A call while it runs; `reader` keeps what has arrived, so that a cancelled call can still be counted."""

    def __init__(self) -> None:
        self.reader: StreamReader | None = None
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
        self._clock = clock
        self._now = now
        self._url = f"{settings.base_url}/chat/completions"
        parts = urlsplit(settings.base_url)
        self.server_address = parts.hostname or ""
        self.server_port = parts.port or (443 if parts.scheme == "https" else 80)

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
        start = self._clock()
        total_at = start + limits.total_seconds
        try:
            async with asyncio.timeout_at(min(start + limits.first_token_seconds, total_at)) as timeout:
                with transfer():
                    content = _watched(body.chunks(open_media), running)
                    async with self._client.stream(
                        "POST", self._url, content=content, headers=self._headers(body)
                    ) as response:
                        if response.status_code != httpx.codes.OK:
                            return await _refusal(response, now=self._now())
                        reader = running.reader = StreamReader(started_at=start)
                        async for chunk in response.aiter_raw():
                            now = self._clock()
                            reader.feed(chunk, now)
                            if reader.done:
                                break
                            if reader.first_token_at is not None:
                                timeout.reschedule(min(now + limits.chunk_seconds, total_at))
                        return _ended(reader.finish("closed", self._clock()))
        except TransferFailed as failed:
            return self._failed(failed, running)
        except TimeoutError:
            return self._timed_out(running, total_at=total_at)

    def stop(self, running: OpenCall) -> Answer | None:
        """What had arrived of a call that was cut off by us."""
        return running.reader.finish("stopped", self._clock()) if running.reader else None

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
        if failed.fault is Fault.UNREACHABLE:
            return Call(answer=None, fault=ProviderUnreachable(f"{self.server_address}: {failed}"), asked=False)
        end: StreamEnd = "stalled" if failed.fault is Fault.STALLED else "cut"
        if running.reader is None:
            # The connection broke after the body began to leave: the provider may have worked, so it counts as asked.
            return Call(answer=None, fault=ProviderUnreachable(f"{self.server_address}: {failed}"), asked=True)
        return _ended(running.reader.finish(end, self._clock()))

    def _timed_out(self, running: OpenCall, *, total_at: float) -> Call:
        now = self._clock()
        reader = running.reader
        if now >= total_at:
            fault: Retryable = CallTimeout(f"no end within {self._settings.total_seconds:g} s (MODEL_TOTAL_SECONDS)")
            return Call(answer=reader.finish("stopped", now) if reader else None, fault=fault, asked=True)
        if reader is None or reader.first_token_at is None:
            fault = FirstTokenTimeout(
                f"no token within {self._settings.first_token_seconds:g} s (MODEL_FIRST_TOKEN_SECONDS)"
            )
            return Call(answer=reader.finish("stalled", now) if reader else None, fault=fault, asked=True)
        return _ended(reader.finish("stalled", now))


async def _watched(chunks: AsyncIterator[bytes], running: OpenCall) -> AsyncIterator[bytes]:
    """The body, with its own errors kept: the HTTP client reports them as a broken connection."""
    try:
        async for chunk in chunks:
            yield chunk
    except AnalysisError as error:
        running.body_fault = error
        raise


async def _refusal(response: httpx.Response, *, now: datetime) -> Call:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= MAX_ERROR_BYTES:
            break
    fault = classify_response(http_status=response.status_code, headers=response.headers, body=bytes(body), now=now)
    return Call(answer=None, fault=fault, asked=False)


def _ended(answer: Answer) -> Call:
    return Call(answer=answer, fault=answer_fault(answer), asked=True)
