"""`media-analysis resume` as a process: what went on, which worker cannot be reached, what was asked for wrongly."""

from __future__ import annotations

import socket

import pytest

from tests.cli.stand_in import run_command


def free_ports(count):
    """Ports that were free a moment ago: nobody answers there."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


async def test_a_worker_that_cannot_be_reached_is_one_line_with_a_remedy():
    (port,) = free_ports(1)
    code, out, wrong = await run_command("resume", "--url", f"http://127.0.0.1:{port}", environment={})
    assert (code, out) == (1, "")
    assert f"no worker answers at http://127.0.0.1:{port}" in wrong
    assert "WORKER_HTTP_PORT" in wrong
    assert len(wrong.splitlines()) == 1


async def test_every_worker_is_asked_even_when_one_is_away():
    first, second = free_ports(2)
    _, _, wrong = await run_command(
        "resume",
        *("--url", f"http://127.0.0.1:{first}", "--url", f"http://127.0.0.1:{second}"),
        environment={},
    )
    assert [line.split(" at ")[1].split(": ")[0] for line in wrong.splitlines()] == [
        f"http://127.0.0.1:{first}",
        f"http://127.0.0.1:{second}",
    ]


async def test_without_an_address_it_is_the_port_of_the_worker_on_this_machine():
    (port,) = free_ports(1)
    code, _, wrong = await run_command("resume", environment={"WORKER_HTTP_PORT": str(port)})
    assert code == 1
    assert f"http://127.0.0.1:{port}" in wrong


@pytest.mark.parametrize("url", ["nonsense", "http://[", "127.0.0.1:1"])
async def test_an_address_that_is_none_is_no_fault_of_ours(url):
    code, _, wrong = await run_command("resume", "--url", url, environment={})
    assert code == 1
    assert wrong.startswith(f"error: no worker answers at {url}")


async def test_a_partition_without_its_topic_is_misuse():
    code, _, wrong = await run_command("resume", "--partition", "3", environment={})
    assert code == 2
    assert "add --topic" in wrong
