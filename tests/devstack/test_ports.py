"""Port leases: free ports only, never the same one twice, and the one asked for or a clear refusal."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from analysis_devstack.errors import PortTaken
from analysis_devstack.ports import FIRST_PORT, LAST_PORT, PortLease, is_free


def test_leased_ports_are_free_distinct_and_below_the_ephemeral_range():
    with PortLease() as lease:
        ports = [lease.take() for _ in range(20)]
    assert len(set(ports)) == 20
    assert all(FIRST_PORT <= port <= LAST_PORT and is_free(port) for port in ports)


def test_a_port_in_use_is_refused_by_number():
    with socket.create_server(("127.0.0.1", 0)) as server, PortLease() as lease:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} .* is taken: choose another"):
            lease.take(port)


def test_a_leased_port_is_nobody_elses_until_it_is_given_back():
    with PortLease() as first, PortLease() as second:
        port = first.take()
        with pytest.raises(PortTaken):
            second.take(port)
        first.close()
        assert second.take(port) == port


def test_a_lease_holds_against_another_process_and_ends_with_it():
    code = "from analysis_devstack.ports import PortLease; print(PortLease().take(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        port = int(other.stdout.readline())
        with PortLease() as lease:
            with pytest.raises(PortTaken):
                lease.take(port)
            other.kill()
            other.wait()
            assert lease.take(port) == port
