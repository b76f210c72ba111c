"""Every exception of httpx is sorted into a way a transfer fails; a new one fails here first."""

import inspect

import httpx
import pytest

from analysis_worker.transport import Fault, TransferFailed, fault_of, transfer

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
