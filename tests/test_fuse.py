"""The network fuse: what it lets through, what it refuses, and that nobody can swallow a refusal."""

from __future__ import annotations

import contextlib
import socket

import httpx
import pytest


def test_loopback_is_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80, 0, 0)])
def test_an_address_beyond_loopback_is_refused_before_a_packet_leaves(address, network_fuse):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock, pytest.raises(RuntimeError, match="only loopback"):
        sock.connect(address)
    assert network_fuse.violations == [address[0]]
    network_fuse.violations.clear()


async def test_a_name_is_not_even_looked_up(network_fuse):
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(RuntimeError, match="only loopback"):
            await client.get("https://model.example/v1/models")
    network_fuse.violations.clear()


def test_a_swallowed_refusal_is_remembered(network_fuse):
    with contextlib.suppress(Exception):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    assert network_fuse.violations == ["192.0.2.1"]
    network_fuse.violations.clear()
