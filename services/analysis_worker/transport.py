"""Clients for httpx with the aiohttp transport, and its exceptions sorted into the four ways a transfer fails.

The only place that names httpx's exceptions; `object_store` and `model_api` turn the fault into their own error.
Measured behaviour that this table encodes: conventions.md §3.9.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from analysis_worker.provider.provider_errors import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fault(StrEnum):
    """How a transfer failed."""

    UNREACHABLE = "unreachable"
    STALLED = "stalled"
    CUT = "cut"
    INVALID = "invalid"


class TransferFailed(Exception):
    """A transfer ended with `fault`; never leaves the two borders."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


# A refused connection is ConnectError with one transport and ConnectTimeout with the other; a cut chunked stream is
# RemoteProtocolError or ReadError. Base classes come last: the first match wins.
_FAULTS: Final[tuple[tuple[type[Exception], Fault], ...]] = (
    (httpx.ConnectError, Fault.UNREACHABLE),
    (httpx.ConnectTimeout, Fault.UNREACHABLE),
    (httpx.PoolTimeout, Fault.UNREACHABLE),
    (httpx.ProxyError, Fault.UNREACHABLE),
    (httpx.ReadTimeout, Fault.STALLED),
    (httpx.WriteTimeout, Fault.STALLED),
    (httpx.ReadError, Fault.CUT),
    (httpx.WriteError, Fault.CUT),
    (httpx.CloseError, Fault.CUT),
    (httpx.RemoteProtocolError, Fault.CUT),
    (httpx.LocalProtocolError, Fault.INVALID),
    (httpx.UnsupportedProtocol, Fault.INVALID),
    (httpx.DecodingError, Fault.INVALID),
    (httpx.TooManyRedirects, Fault.INVALID),
    (httpx.InvalidURL, Fault.INVALID),
    (httpx.HTTPStatusError, Fault.INVALID),
)


def fault_of(error: Exception) -> Fault | None:
    """The fault of an httpx exception; None when the table does not know it (a test fails on that)."""
    if _is_cut_after_connecting(error):
        return Fault.CUT
    return next((fault for kind, fault in _FAULTS if isinstance(error, kind)), None)


def _is_cut_after_connecting(error: Exception) -> bool:
    """Whether a connection that stood broke: httpx_aiohttp 0.1 names that a failure to connect, because its table
    knows only the base class of ServerDisconnectedError and of ECONNRESET. What was asked may have been paid for.
    """
    cause = error.__cause__
    # Never connected, or connected too slowly; a read time-out is a ServerTimeoutError too.
    before = (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError)
    return isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, before)


@contextmanager
def transfer() -> Iterator[None]:
    """Turn httpx's exceptions inside the block into `TransferFailed`."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        fault = fault_of(error) or Fault.CUT
        raise TransferFailed(fault, safe_text(f"{type(error).__name__}: {error}")) from error
    except aiohttp.ClientError as error:  # not in httpx_aiohttp's table: a reply that is no HTTP
        raise TransferFailed(Fault.INVALID, safe_text(f"{type(error).__name__}: {error}")) from error


def build_client(*, connections: int, connect_seconds: float, read_seconds: float) -> httpx.AsyncClient:
    """A client without redirects, proxies or cookies of the environment; time-outs in seconds."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    timeout = httpx.Timeout(read_seconds, connect=connect_seconds, pool=None)
    return httpx.AsyncClient(
        transport=AiohttpTransport(limits=limits, trust_env=False),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )
