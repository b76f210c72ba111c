"""An application or a table of files in; a real server on a free loopback port, in a thread, out."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

from model_simulator.app import build_app
from model_simulator.serve import base_url, build_server, listen_on
from tests.processes import until_sync

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-of-a-test"
COMPLETIONS = "/compatible-mode/v1/chat/completions"


@dataclass(frozen=True)
class Simulator:
    """A running simulator, with a client that has the key."""

    base_url: str
    http: httpx.Client

    def ask(self, body: Any, **headers: str) -> httpx.Response:
        return self.http.post(COMPLETIONS, json=body, headers=headers)

    def direct(self, *rules: dict[str, Any], **default: Any) -> None:
        response = self.http.put("/simulator/scenario", json={"default": default, "rules": list(rules)})
        assert response.status_code == 200, response.text

    def calls(self) -> list[dict[str, Any]]:
        return self.http.get("/simulator/calls").json()

    def last_call(self, **expected: Any) -> dict[str, Any]:
        """The newest call, once it shows what is expected: it is closed after its last byte was sent."""

        def seen() -> dict[str, Any] | None:
            calls = self.calls()
            fits = calls and all(calls[-1][name] == value for name, value in expected.items())
            return calls[-1] if fits else None

        return until_sync(seen, what=lambda: f"{expected} in {self.calls()[-1:]}")


@contextmanager
def run_simulator(**options: Any) -> Iterator[Simulator]:
    listener = listen_on("127.0.0.1", 0)
    server = build_server(build_app(**options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until_sync(lambda: server.started, what="the simulator listens")
        url = base_url(listener)
        root = url.removesuffix("/compatible-mode/v1")
        with httpx.Client(base_url=root, headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:
            yield Simulator(base_url=url, http=client)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@dataclass
class FileServer:
    """Serves what tests put into `files`: path -> (status, headers, body); without headers, the usual ones."""

    url: str
    files: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    def put(
        self, name: str, body: bytes, content_type: str = "image/jpeg", *, status: int = 200, **headers: str
    ) -> str:
        usual = {"Content-Type": content_type, "Content-Length": str(len(body))}
        self.files[f"/{name}"] = (status, usual | headers, body)
        return f"{self.url}/{name}"


@contextmanager
def run_file_server() -> Iterator[FileServer]:
    class Files(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            status, headers, body = files.files.get(self.path.partition("?")[0], (404, {"Content-Length": "0"}, b""))
            self.send_response(status)
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            # A simulator that will not read on hangs up; the server would print a traceback into the tests' output.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        files = FileServer(url=f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield files
        finally:
            server.shutdown()
            thread.join(20)
