"""Every exception of httpx is sorted into a way a transfer fails; a new one fails here first."""

import inspect
import socket
import struct
import threading
from contextlib import contextmanager

import httpx
import pytest

from analysis_worker.transport import Fault, TransferFailed, build_client, fault_of, transfer

REQUEST = httpx.Request("GET", "http://127.0.0.1/")
# Programming errors of the caller about a stream, not of a transfer; bases that are never raised themselves.
OTHERS = {"StreamError", "StreamConsumed", "StreamClosed", "ResponseNotRead", "RequestNotRead", "CookieConflict"}
BASES = {"HTTPError", "RequestError", "TransportError", "TimeoutException", "NetworkError", "ProtocolError"}


def leaves():
    found = [
        kind
        for _, kind in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(kind, Exception) and kind.__name__ not in OTHERS | BASES
    ]
    assert len(found) > 12
    return found


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_every_exception_has_a_fault(kind):
    error = kind.__new__(kind)
    assert fault_of(error) is not None


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (httpx.ConnectError("refused"), Fault.UNREACHABLE),
        (httpx.ConnectTimeout("refused"), Fault.UNREACHABLE),
        (httpx.ReadTimeout("silence"), Fault.STALLED),
        (httpx.ReadError("cut"), Fault.CUT),
        (httpx.RemoteProtocolError("cut"), Fault.CUT),
    ],
)
def test_it_leaves_the_border_as_ours(error, fault):
    with pytest.raises(TransferFailed) as failed, transfer():
        raise error
    assert failed.value.fault is fault


@contextmanager
def a_server(reply=b"", *, reset=False):
    """A server that reads a request, writes `reply` and hangs up, by RST when asked to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            thread.join(10)


async def fault_at(url):
    async with build_client(connections=1, connect_seconds=5, read_seconds=5) as client:
        with pytest.raises(TransferFailed) as failed, transfer():
            await client.post(url, content=b"x")
    return failed.value.fault


async def test_a_server_that_hangs_up_has_cut_the_transfer():
    with a_server() as url:
        assert await fault_at(url) is Fault.CUT


async def test_a_connection_that_is_reset_was_cut():
    with a_server(reset=True) as url:
        assert await fault_at(url) is Fault.CUT


async def test_a_reply_that_is_no_http_is_invalid():
    with a_server(b"SSH-2.0-OpenSSH_9.6\r\n") as url:
        assert await fault_at(url) is Fault.INVALID


async def test_a_port_where_nobody_listens_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    assert await fault_at(url) is Fault.UNREACHABLE
