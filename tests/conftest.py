"""What every test stands on: a fuse against the network, hypothesis profiles, and one stack a process."""

from __future__ import annotations

import ipaddress
import os
import socket
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from analysis_devstack.stack import Stack

# Derandomised, so that a red run is red again; `HYPOTHESIS_PROFILE=explore` looks for new cases.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile(
    "explore",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A test's time-out on the real stack: the first one waits for three JVMs, and they share two cores with the rest.
REAL_SECONDS = 300


class NetworkForbidden(RuntimeError):
    """No OSError on purpose: code that retries or swallows connection trouble must not swallow this."""


class Fuse:
    """The one patch of this suite: `socket.socket` refuses every address but loopback, and remembers that it did."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._originals = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
        self._getaddrinfo = socket.getaddrinfo

    def arm(self) -> None:
        originals, check = self._originals, self._check

        def connect(sock: socket.socket, address: Any) -> None:
            check(sock, address)
            originals["connect"](sock, address)

        def connect_ex(sock: socket.socket, address: Any) -> int:
            check(sock, address)
            return originals["connect_ex"](sock, address)

        def sendto(sock: socket.socket, data: Any, *rest: Any) -> int:
            check(sock, rest[-1])
            return originals["sendto"](sock, data, *rest)

        def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
            self._refuse_unless_loopback(host)  # a look-up is traffic, too
            return self._getaddrinfo(host, *rest, **options)

        socket.socket.connect = connect
        socket.socket.connect_ex = connect_ex
        socket.socket.sendto = sendto
        socket.getaddrinfo = getaddrinfo

    def disarm(self) -> None:
        for name, original in self._originals.items():
            setattr(socket.socket, name, original)
        socket.getaddrinfo = self._getaddrinfo

    def _check(self, sock: socket.socket, address: Any) -> None:
        if sock.family != socket.AF_UNIX:
            self._refuse_unless_loopback(address[0])

    def _refuse_unless_loopback(self, host: Any) -> None:
        if not is_loopback(host):
            self.violations.append(str(host))
            raise NetworkForbidden(f"a test reached for {host!r}: only loopback is allowed here, start a local server")


def is_loopback(host: Any) -> bool:
    """Say whether a host as a socket is given it (str, bytes or None) is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


_FUSE = pytest.StashKey[Fuse]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=("embedded", "real"),
        default="embedded",
        help="what `stack` is: the devstack, or Apache Kafka and MinIO (tests/real, make test-real)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded_only(why): cannot hold on the real stack, and why")
    config.addinivalue_line("markers", "real_only(why): cannot hold on the embedded stack, and why")
    config.stash[_FUSE] = Fuse()
    config.stash[_FUSE].arm()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_FUSE].disarm()


@pytest.fixture(scope="session")
def network_fuse(pytestconfig: pytest.Config) -> Fuse:
    return pytestconfig.stash[_FUSE]


@pytest.fixture(autouse=True)
def _no_network(network_fuse: Fuse) -> Iterator[None]:
    """Fail the test that reached out even if what it tested swallowed the refusal."""
    network_fuse.violations.clear()
    yield
    assert network_fuse.violations == []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what the chosen stack cannot show; the markers say why, tests/real/README.md lists them."""
    real = config.getoption("stack") == "real"
    for item in items:
        for marker in item.iter_markers("embedded_only" if real else "real_only"):
            item.add_marker(pytest.mark.skip(reason=f"{marker.name}: {marker.args[0]}"))
        if real and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(REAL_SECONDS))


@pytest.fixture
def unique() -> str:
    """A short name that no other test has: for request ids, keys and groups on a shared stack."""
    return uuid.uuid4().hex[:12]


@pytest.fixture(scope="session")
def start_a_stack(pytestconfig: pytest.Config) -> Callable[..., AbstractAsyncContextManager[Stack]]:
    """A function, `start_stack` or its like for the stack that `--stack` names: for modules that need one of their own."""
    # Imported here: most rooms need no stack and none of its imports.
    if pytestconfig.getoption("stack") == "real":
        from tests.real.stack import start_real_stack  # noqa: PLC0415

        return start_real_stack
    from analysis_devstack.stack import start_stack  # noqa: PLC0415

    return start_stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(
    start_a_stack: Callable[..., AbstractAsyncContextManager[Stack]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """The stack that `--stack` names, one per xdist worker, started by the first test that asks.

    Tests share it: name what you make with `unique`, and start what you kill. System tests have `fresh_stack` and
    `empty_stack` (tests/system/conftest.py), which empty the broker and the simulator.
    """
    async with start_a_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
