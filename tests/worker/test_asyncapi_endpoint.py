"""The worker's port serves the AsyncAPI document, also while it waits for store and broker."""

from __future__ import annotations

import logging

import httpx

from analysis_worker.health import Observed
from analysis_worker.http_server import HttpServer
from media_contracts.asyncapi import build_asyncapi


def starting() -> Observed:
    return Observed(
        loop_late_seconds=0, consuming=False, joined=False, draining=False, store_seconds=None, broker_seconds=None
    )


async def test_the_document_is_served_before_the_worker_is_ready(caplog):
    caplog.set_level(logging.INFO, logger="analysis_worker.http_server")
    server = HttpServer(host="127.0.0.1", port=0, observe=starting, metrics=bytes, resume=lambda _topic, _partition: ())
    await server.start()
    try:
        port = next(record.port for record in caplog.records if record.event == "http_listening")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            told = await client.get("/asyncapi")
            ready = await client.get("/readyz")
    finally:
        await server.stop()
    assert (told.status_code, ready.status_code) == (200, 503)
    assert told.headers["content-type"] == "application/json"
    assert told.json() == build_asyncapi()
