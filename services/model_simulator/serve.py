"""A host, a port and an application in; the simulator listening, its address in a file and on a callback, out."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from model_simulator.app import BASE_PATH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.applications import Starlette

_BACKLOG = 2048


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError, which names neither host nor port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
        server.listen(_BACKLOG)
    except OSError:
        server.close()
        raise
    return server


def base_url(server: socket.socket) -> str:
    """What a client sets as its base URL."""
    host, port = server.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{BASE_PATH}"


def write_port(server: socket.socket, port_file: Path) -> None:
    """Write the port for whoever started us; whole or not at all."""
    partial = port_file.with_name(port_file.name + ".partial")
    partial.write_text(f"{server.getsockname()[1]}\n", "utf-8")
    partial.replace(port_file)


def serve(app: Starlette, server: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once connections are taken (the kernel queues them already)."""
    if threading.current_thread() is threading.main_thread():
        # uvicorn raises the signal again when it has stopped; being asked to stop is no failure.
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    ready()
    build_server(app).run(sockets=[server])


def build_server(app: Starlette) -> uvicorn.Server:
    """The HTTP server as it must be set for this application, not started."""
    config = uvicorn.Config(
        app,
        access_log=False,
        # A cut stream is a feature here; uvicorn logs it as an error of ours.
        log_level="critical",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    return uvicorn.Server(config)
