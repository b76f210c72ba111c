"""The store's bytes are the object's bytes, whatever it says of their encoding; against a real socket."""

from __future__ import annotations

import gzip
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from analysis_worker.object_store import ObjectStore
from analysis_worker.settings import S3Settings
from analysis_worker.transport import build_client

BODY = gzip.compress(bytes(5_000_000))


@contextmanager
def a_store():
    """A store whose one object was uploaded with `Content-Encoding: gzip`; gives its URL and the headers it got."""
    seen = []

    class Store(BaseHTTPRequestHandler):
        def do_HEAD(self):
            seen.append(self.headers)
            self.send_response(200)
            for name, value in (("ETag", '"1"'), ("Content-Encoding", "gzip"), ("Content-Length", str(len(BODY)))):
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            with suppress(BrokenPipeError, ConnectionResetError):  # who reads only the head hangs up
                self.wfile.write(BODY)

        def log_message(self, *_):
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join(10)


@asynccontextmanager
async def reading(url):
    settings = S3Settings(endpoint=url, access_key="a", secret_key="b" * 8, results_bucket="r")
    async with build_client(connections=2, connect_seconds=5, read_seconds=5) as client:
        yield ObjectStore(settings=settings, client=client)


async def test_an_object_that_is_gzip_encoded_is_read_as_it_lies_there():
    with a_store() as (url, seen):
        async with reading(url) as store:
            stored = await store.stat("media", "a.bin")
            assert stored.size_bytes == len(BODY)
            async with store.open(stored) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == BODY
            assert await store.read_head(stored, size_bytes=100) == BODY[:100]
            assert (await store.get("media", "a.bin")).body == BODY
        assert {headers["Accept-Encoding"] for headers in seen} == {"identity"}
